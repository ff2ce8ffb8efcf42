import { Command } from "commander";
import { describe, expect, test } from "vitest";
import {
  type ControlPlaneOptions,
  controlPlaneArguments,
  schedulingOptions,
  withControlPlaneOptions,
} from "../../../src/cli/supervise/control-plane-options.ts";

function parsed(...values: string[]): ControlPlaneOptions {
  const command = withControlPlaneOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  command.parse(
    values.flatMap((value) => ["--placement", value]),
    { from: "user" },
  );
  return command.opts<ControlPlaneOptions>();
}

describe("--placement", () => {
  test("says how all nodes and how single pools are filled, and berth up hands it to its control plane as it was given", () => {
    const options = parsed("spread", "training=pack", "inference=spread");
    expect(schedulingOptions(options).placement).toEqual({ kind: "spread", byPool: { training: "pack", inference: "spread" } });
    expect(controlPlaneArguments(options)).toEqual([
      ...["--placement", "spread"],
      ...["--placement", "training=pack"],
      ...["--placement", "inference=spread"],
    ]);
    expect(schedulingOptions(parsed())).toEqual({});
  });

  test.each([[["scatter"]], [["=spread"]], [["a pool=spread"]], [["spread", "pack"]], [["a=pack", "a=spread"]]])("refuses %j", (values) => {
    expect(() => parsed(...values)).toThrow();
  });
});

test("--image-lookup names what is asked, and berth up hands it on", () => {
  const command = withControlPlaneOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  const given = ["--image-lookup", "listed", "--image-lookup-registry", "registry.lab:5000", "--image-lookup-registry", ".corp.example"];
  const options = command.parse(given, { from: "user" }).opts<ControlPlaneOptions>();
  expect(controlPlaneArguments(options)).toEqual(given);
  expect(schedulingOptions(options)).toEqual({ imageLookup: { mode: "listed", registries: ["registry.lab:5000", ".corp.example"] } });
  expect(() => command.parse(["--image-lookup", "some"], { from: "user" })).toThrow();
});

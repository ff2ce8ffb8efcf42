import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { overviewDashboard } from "../../../charts/dashboards/overview.ts";
import { withControlPlaneOptions } from "../../../src/cli/supervise/control-plane-options.ts";
import { createClusterCa } from "../../../src/control/api/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { helm } from "../../support/helm.ts";

const CHART = "charts/berth";

interface Manifest {
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: { template?: { spec?: { containers: { args: string[]; securityContext: Record<string, unknown> }[] } } };
}

async function render(...settings: string[]): Promise<Manifest[]> {
  const result = await helm("template", "demo", CHART, ...settings.flatMap((setting) => ["--set", setting]));
  expect(result.stderr).toBe("");
  return parseAllDocuments(result.stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest): manifest is Manifest => manifest !== null);
}

test("the chart passes helm lint in strict mode", async () => {
  const result = await helm("lint", "--strict", CHART);
  expect(result.code, result.stdout + result.stderr).toBe(0);
});

test("the defaults render a control plane, an agent on every node, a durable redis and the dashboard", async () => {
  const manifests = await render();
  const kinds = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
  expect(kinds).toEqual([
    "ConfigMap/demo-berth-dashboards",
    "DaemonSet/demo-berth-agent",
    "NetworkPolicy/demo-berth-redis",
    "Secret/demo-berth-ca",
    "Secret/demo-berth-join",
    "Service/demo-berth-control-plane",
    "Service/demo-berth-redis",
    "StatefulSet/demo-berth-control-plane",
    "StatefulSet/demo-berth-redis",
  ]);
  const redis = manifests.find(({ kind, metadata }) => kind === "StatefulSet" && metadata.name === "demo-berth-redis")?.spec?.template?.spec
    ?.containers[0];
  expect(redis?.args.join(" ")).toContain("--appendfsync always --maxmemory-policy noeviction");
});

test("only the agent is privileged", async () => {
  const containers = (await render()).flatMap(({ metadata, spec }) =>
    (spec?.template?.spec?.containers ?? []).map((container) => ({
      name: metadata.name,
      privileged: container.securityContext.privileged === true,
    })),
  );
  expect(containers.filter(({ privileged }) => privileged).map(({ name }) => name)).toEqual(["demo-berth-agent"]);
});

test("clients reach the control plane by TLS, and agents get the CA's certificate without its key", async () => {
  const manifests = await render("controlPlane.tlsNames={berth.example.org}");
  const find = (kind: string, name: string) => manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  const secret = find("Secret", "demo-berth-ca")?.data ?? {};
  const certificate = new X509Certificate(Buffer.from(secret["tls.crt"] ?? "", "base64"));
  expect(certificate.ca && certificate.checkPrivateKey(createPrivateKey(Buffer.from(secret["tls.key"] ?? "", "base64")))).toBe(true);
  const plane = find("StatefulSet", "demo-berth-control-plane");
  const names = ["demo-berth-control-plane", "demo-berth-control-plane.default.svc", "berth.example.org"].map(
    (name) => `--tls-name=${name}`,
  );
  expect(plane?.spec?.template?.spec?.containers[0]?.args).toEqual(expect.arrayContaining(["--tls=always", ...names]));
  expect(JSON.stringify(plane)).toContain('"path":"/readyz","port":"http","scheme":"HTTPS"');
  const agent = find("DaemonSet", "demo-berth-agent");
  expect(agent?.spec?.template?.spec?.containers[0]?.args).toEqual(
    expect.arrayContaining(["--join=https://demo-berth-control-plane:8470", "--ca-file=/secrets/ca/tls.crt"]),
  );
  const volumes = (agent?.spec?.template?.spec as { volumes?: { name: string; secret?: object }[] } | undefined)?.volumes;
  expect(volumes?.find(({ name }) => name === "ca")?.secret).toMatchObject({ items: [{ key: "tls.crt", path: "tls.crt" }] });
});

test("the CA that the chart makes is one the control plane can sign with", async () => {
  const secret = (await render()).find(({ metadata }) => metadata.name === "demo-berth-ca")?.data ?? {};
  const folder = await mkdtemp(join(tmpdir(), "berth-chart-ca-"));
  try {
    const files = { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key") };
    await writeFile(files.certificate, Buffer.from(secret["tls.crt"] ?? "", "base64"));
    await writeFile(files.key, Buffer.from(secret["tls.key"] ?? "", "base64"), { mode: 0o440 });
    const { chain } = await createClusterCa({ folder, files, clock: systemClock() }).issueServer(["demo"]);
    const issuer = new X509Certificate(await readFile(files.certificate));
    expect(new X509Certificate(chain).verify(issuer.publicKey)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("nodes give each other layers where a port for it is set", async () => {
  const argumentsOf = async (...settings: string[]) =>
    (await render(...settings)).find(({ kind }) => kind === "DaemonSet")?.spec?.template?.spec?.containers[0]?.args.join(" ");
  expect(await argumentsOf("agent.peerPort=8471")).toContain("--peer-listen=0.0.0.0:8471");
  expect(await argumentsOf()).not.toContain("--peer-listen");
});

test("the values of the scheduling are options that the control plane takes; without them it decides", async () => {
  const optionsOf = async (...settings: string[]) => {
    const manifests = await render(...settings);
    const plane = manifests.find(({ kind, metadata }) => kind === "StatefulSet" && metadata.name === "demo-berth-control-plane");
    const args = plane?.spec?.template?.spec?.containers[0]?.args ?? [];
    const command = withControlPlaneOptions(new Command()).allowUnknownOption().allowExcessArguments();
    return command.parse(args, { from: "user" }).opts();
  };
  expect(await optionsOf()).toEqual({});
  const settings = {
    queueing: "service",
    neverFits: "refuse",
    placement: "{pack,big=spread}",
    maxArrayTasks: "5000",
    defragment: "4",
    diagnoseAfter: "30m",
    imageLookup: "listed",
    imageLookupRegistries: "{registry.example:5000,.corp.example,10.0.0.0/8}",
  };
  expect(await optionsOf(...Object.entries(settings).map(([name, value]) => `controlPlane.scheduling.${name}=${value}`))).toEqual({
    queueing: "service",
    neverFits: "refuse",
    placement: ["pack", "big=spread"],
    maxArrayTasks: 5000,
    defragment: 4,
    diagnoseAfter: "30m",
    imageLookup: "listed",
    imageLookupRegistry: ["registry.example:5000", ".corp.example", "10.0.0.0/8"],
  });
});

test("a CA of one's own takes the place of the chart's", async () => {
  const manifests = await render("clusterCaSecret=ours");
  expect(manifests.map(({ metadata }) => metadata.name)).not.toContain("demo-berth-ca");
  expect(JSON.stringify(manifests)).toContain('"secretName":"ours"');
});

test("an outside redis is taken from a secret and no redis is rendered", async () => {
  const manifests = await render("redis.enabled=false", "redis.externalUrlSecret=queue");
  expect(manifests.map(({ metadata }) => metadata.name)).not.toContain("demo-berth-redis");
  expect(JSON.stringify(manifests)).toContain('"secretKeyRef":{"name":"queue","key":"url"}');
});

test.each([
  ["an unknown value", "controlPlane.replica=2"],
  ["a port out of range", "agent.metricsPort=70000"],
  ["a relative folder", "agent.dataDir=var/lib"],
  ["a policy there is none of", "controlPlane.scheduling.queueing=random"],
  ["no redis at all", "redis.enabled=false"],
])("%s is refused by the schema", async (_, setting) => {
  const result = await helm("template", "demo", CHART, "--set", setting);
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain("values don't meet the specifications of the schema");
});

test("the dashboard in the chart is the one its source builds", async () => {
  const committed: unknown = JSON.parse(await readFile(`${CHART}/dashboards/berth-overview.json`, "utf8"));
  expect(committed, "run npm run build:charts").toEqual(JSON.parse(JSON.stringify(overviewDashboard())));
});

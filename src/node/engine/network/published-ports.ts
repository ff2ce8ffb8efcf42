import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock, type PublishedPort, portName } from "../../../shared/domain/index.ts";
import { writeFileAtomically } from "../../platform/index.ts";
import { callCni, findCniPlugins } from "./cni.ts";
import { freeHostPort } from "./free-host-port.ts";

/** What is needed to undo it: the plugin removes the rules of the ports it is told. */
interface Publication {
  network: string;
  netns: string;
  address: string;
  ports: ChosenPort[];
}

export type ChosenPort = PublishedPort & { hostPort: number };

type Wish = Omit<Publication, "ports"> & { ports: readonly PublishedPort[] };

const LONGEST_WAIT_MS = 10_000;
const LOOK_MS = 100;

/** Ports of the host that lead into containers, by CNI's portmap plugin. */
export interface PublishedPorts {
  /** @throws BerthError port_unavailable, missing_requirement, container_start_failed */
  publish(slot: string, wish: Wish): Promise<ChosenPort[]>;
  /** Missing is fine. */
  withdraw(slot: string): Promise<void>;
}

/**
 * A file for each slot, written before its first rule and removed after its last, so that whoever comes after a crash knows
 * what to take away.
 */
export function publishedPorts(folder: string, clock: Clock): PublishedPorts {
  let turn: Promise<unknown> = Promise.resolve();
  /** One after the other: two must not choose the same port. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work, work);
    turn = done.catch(() => undefined);
    return done;
  };
  /** Null while a container of ours has one of the ports. */
  const claim = async (slot: string, { ports, ...wish }: Wish): Promise<Publication | null> => {
    const taken = await takenPorts(folder);
    if (firstTaken(ports, taken) !== undefined) return null;
    const chosen: ChosenPort[] = [];
    for (const port of ports) {
      const hostPort = await freeHostPort(port.hostPort, port.protocol, taken);
      taken.add(portName({ port: hostPort, protocol: port.protocol }));
      chosen.push({ ...port, hostPort });
    }
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const publication = { ...wish, ports: chosen };
    await writeFileAtomically(join(folder, slot), JSON.stringify(publication));
    return publication;
  };
  /** The end of a container is told before its rules are gone: whoever comes next for its port waits for that. */
  const claimInTime = async (slot: string, wish: Wish): Promise<Publication> => {
    for (const until = clock.monotonic() + LONGEST_WAIT_MS; ; await clock.sleep(LOOK_MS)) {
      const publication = await inTurn(() => claim(slot, wish));
      if (publication !== null) return publication;
      if (clock.monotonic() < until) continue;
      const port = firstTaken(wish.ports, await takenPorts(folder));
      throw new BerthError("port_unavailable", `another container has port ${port ?? "asked"} of this node`);
    }
  };
  return {
    async publish(slot, wish) {
      const publication = await claimInTime(slot, wish);
      await portmap("ADD", slot, publication);
      return publication.ports;
    },
    async withdraw(slot) {
      const publication = await readPublication(join(folder, slot));
      if (publication === null) return;
      await portmap("DEL", slot, publication);
      await rm(join(folder, slot), { force: true });
    },
  };
}

async function portmap(command: "ADD" | "DEL", slot: string, { network, netns, address, ports }: Publication): Promise<void> {
  const config = {
    cniVersion: "1.0.0",
    name: network,
    type: "portmap",
    capabilities: { portMappings: true },
    snat: true,
    runtimeConfig: { portMappings: ports },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: netns }],
      ips: [{ address: `${address}/32`, interface: 0 }],
    },
  };
  const folder = await findCniPlugins({ plugins: ["portmap"] });
  await callCni(folder, { command, containerId: slot, netns, config, interfaceName: "eth0" });
}

function firstTaken(ports: readonly PublishedPort[], taken: ReadonlySet<string>): string | undefined {
  const names = ports.flatMap(({ hostPort, protocol }) => (hostPort === null ? [] : [portName({ port: hostPort, protocol })]));
  return names.find((name) => taken.has(name));
}

async function takenPorts(folder: string): Promise<Set<string>> {
  const slots = await readdir(folder).catch(noneIfMissing);
  const all = await Promise.all((slots ?? []).map((slot) => readPublication(join(folder, slot))));
  return new Set(all.flatMap((one) => (one?.ports ?? []).map(({ hostPort, protocol }) => portName({ port: hostPort, protocol }))));
}

async function readPublication(file: string): Promise<Publication | null> {
  const text = await readFile(file, "utf8").catch(noneIfMissing);
  return text === null ? null : (JSON.parse(text) as Publication);
}

function noneIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

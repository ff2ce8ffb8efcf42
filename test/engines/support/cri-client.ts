import { connect } from "node:http2";
import { createConnection } from "node:net";
import { decode, encode, type Field } from "./protobuf.ts";

/** What a kubelet says to a container runtime over its socket (k8s.io/cri-api, runtime.v1), as far as the tests go. */
export interface CriClient {
  /** `runtimeHandler`: "" is the default one. Resolves to its id. */
  runPod(pod: CriPod, runtimeHandler: string): Promise<string>;
  /** Resolves to its id. */
  createContainer(podId: string, pod: CriPod, container: CriContainer): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Null while it runs. */
  exitCode(id: string): Promise<number | null>;
  removePod(podId: string): Promise<void>;
  close(): void;
}

export interface CriPod {
  name: string;
  logDirectory: string;
  cgroupParent: string;
}

export interface CriContainer {
  name: string;
  image: string;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  cdiDevices: readonly string[];
  annotations: Readonly<Record<string, string>>;
}

const HOST_NETWORK = 2;
const EXITED = 2;

export function openCriClient(socketPath: string): CriClient {
  const session = connect("http://cri", { createConnection: () => createConnection(socketPath) });
  const call = (method: string, fields: readonly Field[]): Promise<Map<number, number | Buffer>> =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": `/runtime.v1.RuntimeService/${method}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const parts: Buffer[] = [];
      let status: string | undefined;
      let message = "";
      const read = (headers: Record<string, unknown>): void => {
        status = (headers["grpc-status"] as string | undefined) ?? status;
        message = decodeURIComponent((headers["grpc-message"] as string | undefined) ?? message);
      };
      stream.on("response", read).on("trailers", read);
      stream.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
      // A message has five bytes of its own before it: compressed or not, and its length.
      stream.on("end", () =>
        status === "0" ? resolve(decode(Buffer.concat(parts).subarray(5))) : reject(new Error(`${method}: ${status} ${message}`)),
      );
      const body = encode(fields);
      const head = Buffer.alloc(5);
      head.writeUInt32BE(body.byteLength, 1);
      stream.end(Buffer.concat([head, body]));
    });
  return {
    runPod: async (pod, handler) =>
      text(
        (
          await call("RunPodSandbox", [
            [1, podFields(pod)],
            [2, handler],
          ])
        ).get(1),
      ),
    createContainer: async (podId, pod, container) =>
      text(
        (
          await call("CreateContainer", [
            [1, podId],
            [2, containerFields(container)],
            [3, podFields(pod)],
          ])
        ).get(1),
      ),
    startContainer: async (id) => void (await call("StartContainer", [[1, id]])),
    exitCode: async (id) => {
      const status = decode((await call("ContainerStatus", [[1, id]])).get(1) as Buffer);
      return status.get(3) === EXITED ? Number(status.get(7) ?? 0) : null;
    },
    removePod: async (podId) => {
      await call("StopPodSandbox", [[1, podId]]);
      await call("RemovePodSandbox", [[1, podId]]);
    },
    close: () => session.destroy(),
  };
}

/** On the host's network: no CNI is asked. */
function podFields({ name, logDirectory, cgroupParent }: CriPod): Field[] {
  const metadata: Field[] = [
    [1, name],
    [2, name],
    [3, "berth"],
  ];
  const linux: Field[] = [
    [1, cgroupParent],
    [2, [[1, [[1, HOST_NETWORK]]]]],
  ];
  return [
    [1, metadata],
    [3, logDirectory],
    [8, linux],
  ];
}

function containerFields({ name, image, command, env, cdiDevices, annotations }: CriContainer): Field[] {
  const pair = (field: number, entries: Readonly<Record<string, string>>): Field[] =>
    Object.entries(entries).map(([key, value]) => [
      field,
      [
        [1, key],
        [2, value],
      ],
    ]);
  return [
    [1, [[1, name]]],
    [2, [[1, image]]],
    ...command.map((word): Field => [3, word]),
    ...pair(6, env),
    ...pair(10, annotations),
    [11, `${name}.log`],
    [15, [[2, [[3, [[1, HOST_NETWORK]]]]]]],
    ...cdiDevices.map((device): Field => [17, [[1, device]]]),
  ];
}

function text(value: number | Buffer | undefined): string {
  return String(value ?? "");
}

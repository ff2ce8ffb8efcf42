/**
 * A shell script that connects to a port of another container until somebody there says a line, prints it and ends with 0; with 1
 * after some minutes. nc(1) of busybox ends when its peer has nothing more to say, said its own words or not: so this side's
 * standard input stays open until the line is here.
 */
export function readLine(host: string, port: string): string {
  return [
    "for try in $(seq 1 500); do",
    "rm -f /tmp/over /tmp/line",
    "{ until [ -e /tmp/over ]; do sleep 0.05; done; } |",
    `nc ${host} ${port} | { read -r line && echo "$line" > /tmp/line; touch /tmp/over; }`,
    "[ -s /tmp/line ] && cat /tmp/line && exit 0",
    "sleep 0.2",
    "done",
    "exit 1",
  ].join("\n");
}

import { describe, expect, test } from "vitest";
import { cgroupFolders, detectCgroupLayout, parseMountInfo } from "../../../src/node/platform/index.ts";
import { isBerthError } from "../../../src/shared/domain/index.ts";

const UNIFIED = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";
const LEGACY = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd`;
const HYBRID = `${LEGACY}
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;
/** systemd's v2 with a named v1 hierarchy left: no controller is v1. */
const NAMED_ONLY = `${UNIFIED}
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd`;

const layoutOf = (mountInfo: string) => detectCgroupLayout(parseMountInfo(mountInfo));

describe("cgroup layout", () => {
  test("tells v1, v2 and hybrid apart by where the controllers are", () => {
    expect(layoutOf(UNIFIED).mode).toBe("v2");
    expect(layoutOf(NAMED_ONLY).mode).toBe("v2");
    expect(layoutOf(LEGACY).mode).toBe("v1");
    expect(layoutOf(HYBRID).mode).toBe("hybrid");
  });

  test("finds controllers that share one mount, and takes no mount option for a controller", () => {
    expect(layoutOf(LEGACY).controllers).toEqual({
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory",
      "name=systemd": "/sys/fs/cgroup/systemd",
    });
  });

  test("names every hierarchy's folder of a container once", () => {
    expect(cgroupFolders(layoutOf(HYBRID), "/berth/0a/job-1")).toEqual([
      "/sys/fs/cgroup/cpu,cpuacct/berth/0a/job-1",
      "/sys/fs/cgroup/memory/berth/0a/job-1",
      "/sys/fs/cgroup/systemd/berth/0a/job-1",
      "/sys/fs/cgroup/unified/berth/0a/job-1",
    ]);
    expect(cgroupFolders(layoutOf(UNIFIED), "/berth/0a/job-1")).toEqual(["/sys/fs/cgroup/berth/0a/job-1"]);
  });

  test.each(["berth/x", "/", "/berth/../system.slice", "/berth/./x", "/berth//x", "/berth/x/", ""])(
    "refuses the cgroup path %j",
    (path) => {
      expect(() => cgroupFolders(layoutOf(UNIFIED), path)).toThrow(/not an absolute cgroup path/);
    },
  );

  test("says what is missing on a machine without cgroups", () => {
    expect(() => layoutOf("22 27 0:21 / /proc rw - proc proc rw")).toThrow(
      expect.toSatisfy((error) => isBerthError(error, "missing_requirement")),
    );
  });
});

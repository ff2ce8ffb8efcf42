{
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fstack-protector-strong", "-O2"],
    "cflags_cc": ["-std=c++17", "-fexceptions"],
    "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
    "defines": ["_GNU_SOURCE", "_FILE_OFFSET_BITS=64"]
  },
  "targets": [
    {
      "target_name": "berth",
      "sources": [
        "src/addon.cc",
        "src/arguments.cc",
        "src/clock.cc",
        "src/failure.cc",
        "src/lock.cc",
        "src/mount.cc",
        "src/nvml-binding.cc",
        "src/nvml-device.cc",
        "src/nvml-health.cc",
        "src/nvml-library.cc",
        "src/nvml-parts.cc",
        "src/nvml-query.cc",
        "src/nvml-watch.cc",
        "src/overlay.cc",
        "src/process-signal.cc",
        "src/resource-limit.cc",
        "src/root-binding.cc",
        "src/root-metadata.cc",
        "src/root-paths.cc",
        "src/root-remove.cc",
        "src/root-writer.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "libraries": ["-ldl"]
    },
    {
      "target_name": "lease-guard",
      "type": "executable",
      "sources": [
        "lease-guard/cgroup-kill.cc",
        "lease-guard/detach.cc",
        "lease-guard/guard.cc",
        "lease-guard/lease-file.cc",
        "lease-guard/main.cc",
        "lease-guard/watch.cc"
      ],
      "ldflags!": ["-rdynamic"]
    },
    {
      "target_name": "cgroup-v1-view",
      "type": "executable",
      "sources": ["cgroup-v1-view/main.c"],
      "ldflags": ["-static"],
      "ldflags!": ["-rdynamic"]
    }
  ]
}

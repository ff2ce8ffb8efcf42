{
  # build/unit.cc and build/lease-guard.cc are every source of src and lease-guard (scripts/build-native.sh).
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-Wno-unused-parameter", "-fstack-protector-strong", "-O2"],
    "cflags_cc": ["-std=c++17", "-fexceptions"],
    "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
    "defines": ["_GNU_SOURCE", "_FILE_OFFSET_BITS=64"]
  },
  "targets": [
    {
      "target_name": "berth",
      "sources": ["build/unit.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "libraries": ["-ldl"]
    },
    {
      "target_name": "lease-guard",
      "type": "executable",
      "sources": ["build/lease-guard.cc"],
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

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>

#include "failure.hpp"
#include "fd.hpp"
#include "input.hpp"
#include "read-file.hpp"
#include "syscalls.hpp"

namespace {

using nlohmann::json;

constexpr std::size_t kMaxPlanBytes = 4 << 20;
constexpr std::size_t kMaxEntries = 4096;

/** Absolute, no empty, "." or ".." component, no NUL: what is joined to a descriptor later cannot climb. */
void check_path(const std::string& path) {
  const bool plain = path.size() > 1 && path.size() < 4096 && path[0] == '/' && path.find('\0') == std::string::npos;
  std::string rest = plain ? path.substr(1) + "/" : "//";
  for (std::size_t at = 0, end; (end = rest.find('/', at)) != std::string::npos; at = end + 1) {
    const std::string part = rest.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") throw Failure("plan: path " + path + " is not a plain absolute path");
  }
}

/** "/usr/local/nvidia/bin/x" below "/usr/local/nvidia" -> "bin/x". */
std::string below(const std::string& folder, const std::string& path) {
  check_path(path);
  if (path.compare(0, folder.size() + 1, folder + "/") != 0) throw Failure("plan: path " + path + " is not below " + folder);
  return path.substr(folder.size() + 1);
}

const json& list(const json& plan, const char* key) {
  const json& value = plan.at(key);
  if (!value.is_array() || value.size() > kMaxEntries) throw Failure(std::string("plan: ") + key + " is not a list of at most 4096");
  return value;
}

std::string host_path(const json& entry) {
  std::string path = entry.at("hostPath").get<std::string>();
  check_path(path);
  return path;
}

/** Device numbers have 12 and 20 bits (Linux dev_t); a larger one would be cut to another device. */
unsigned number(const json& entry, const char* key, std::uint64_t limit) {
  const json& value = entry.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > limit) throw Failure(std::string("plan: ") + key + " is out of range");
  return value.get<unsigned>();
}

DeviceNode device_node(const json& entry) {
  const unsigned mode = number(entry, "fileMode", 0777);
  return {below("/dev", entry.at("path").get<std::string>()),
          host_path(entry),
          number(entry, "major", 0xfff),
          number(entry, "minor", 0xfffff),
          static_cast<mode_t>(mode),
          number(entry, "uid", UINT32_MAX - 1),
          number(entry, "gid", UINT32_MAX - 1)};
}

MountKind kind_of(const json& entry) {
  const std::string kind = entry.value("kind", "file");
  if (kind == "file") return MountKind::file;
  if (kind == "socket") return MountKind::socket;
  if (kind == "folder") return MountKind::folder;
  throw Failure("plan: mount kind " + kind + " is not file, socket or folder");
}

bool is_read_only(const json& entry) {
  const json options = entry.value("options", json::array());
  return std::find(options.begin(), options.end(), "ro") != options.end();
}

/** Into the driver folder, or below /run for what programs look for there alone. */
void add_mount(Plan& plan, const std::string& folder, const json& entry) {
  const std::string path = entry.at("containerPath").get<std::string>();
  const MountKind kind = kind_of(entry);
  if (kind != MountKind::file && path.compare(0, 5, "/run/") == 0)
    plan.run_mounts.push_back({host_path(entry), "run/" + below("/run", path), kind, is_read_only(entry)});
  else
    plan.mounts.push_back({host_path(entry), below(folder, path), kind, is_read_only(entry)});
}

void add_proc_view(Plan& plan, const json& view) {
  plan.proc_params = view.at("params").get<std::string>();
  if (plan.proc_params.size() > 65536) throw Failure("plan: procDriver.params is larger than 64 KiB");
  for (const json& entry : view.contains("shown") ? list(view, "shown") : json::array())
    plan.proc_shown.push_back(below("/proc/driver/nvidia", "/proc/driver/nvidia/" + entry.get<std::string>()));
}

/** A link may only name a file beside it. */
Symlink symlink_of(const std::string& folder, const json& entry) {
  const std::string target = entry.at("target").get<std::string>();
  if (target.empty() || target == ".." || target.find('/') != std::string::npos || target.find('\0') != std::string::npos)
    throw Failure("plan: symlink target " + target + " is not a file name");
  return {target, below(folder, entry.at("path").get<std::string>())};
}

Plan plan_of(const json& value) {
  if (value.at("version") != 1) throw Failure("plan: version is not 1");
  const std::string folder = value.at("driverFolder").get<std::string>();
  check_path(folder);
  Plan plan;
  plan.driver_folder = folder.substr(1);
  for (const json& entry : list(value, "deviceNodes")) plan.nodes.push_back(device_node(entry));
  for (const json& entry : list(value, "mounts")) add_mount(plan, folder, entry);
  for (const json& entry : list(value, "symlinks")) plan.symlinks.push_back(symlink_of(folder, entry));
  if (!value.at("procDriver").is_null()) add_proc_view(plan, value.at("procDriver"));
  plan.application_profile = value.value("applicationProfile", "");
  if (plan.application_profile.size() > 65536) throw Failure("plan: applicationProfile is larger than 64 KiB");
  return plan;
}

/** The plan grants devices, so only root may have written it. */
std::string read_own_file(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (!file || fstat(file.get(), &st) != 0) fail_errno("open", path);
  if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
    throw Failure("plan " + path + " is not a regular file that only its owner can write");
  return read_all(file.get(), kMaxPlanBytes, path);
}

}  // namespace

Plan parse_plan(const std::string& text, const std::string& name) {
  const json value = parse_json(text, name);
  try {
    return plan_of(value);
  } catch (const json::exception& error) {
    throw Failure("plan " + name + ": " + error.what());
  }
}

Plan read_plan(const std::string& path) { return parse_plan(read_own_file(path), path); }

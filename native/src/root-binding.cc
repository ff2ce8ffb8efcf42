#include <sys/sysmacros.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "arguments.h"
#include "root.h"
#include "topics.h"
#include "work.h"

namespace berth {
namespace {

/// (uid_t)-1 means "leave it" to chown: an archive must not be able to say that.
constexpr std::uint32_t kMaxId = UINT32_MAX - 1;

const char* kindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "symlink";
  if (S_ISCHR(mode)) return "character";
  if (S_ISBLK(mode)) return "block";
  if (S_ISFIFO(mode)) return "fifo";
  if (S_ISSOCK(mode)) return "socket";
  return "file";
}

Napi::Value toJsStat(Napi::Env env, const std::optional<struct stat>& status) {
  if (!status) return env.Null();
  const std::int64_t mtimeNs = static_cast<std::int64_t>(status->st_mtim.tv_sec) * 1000000000 + status->st_mtim.tv_nsec;
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", kindOf(status->st_mode));
  result.Set("uid", Napi::Number::New(env, status->st_uid));
  result.Set("gid", Napi::Number::New(env, status->st_gid));
  result.Set("mode", Napi::Number::New(env, status->st_mode & 07777));
  result.Set("size", Napi::Number::New(env, static_cast<double>(status->st_size)));
  result.Set("mtimeNs", Napi::BigInt::New(env, mtimeNs));
  result.Set("inode", Napi::BigInt::New(env, static_cast<std::uint64_t>(status->st_ino)));
  result.Set("device", Napi::BigInt::New(env, static_cast<std::uint64_t>(status->st_dev)));
  result.Set("links", Napi::Number::New(env, static_cast<double>(status->st_nlink)));
  result.Set("rdevMajor", Napi::Number::New(env, major(status->st_rdev)));
  result.Set("rdevMinor", Napi::Number::New(env, minor(status->st_rdev)));
  return result;
}

Napi::Value toJsXattrs(Napi::Env env, const Xattrs& xattrs) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [name, value] : xattrs) result.Set(name, Napi::Buffer<char>::Copy(env, value.data(), value.size()));
  return result;
}

Metadata metadataArgument(const Napi::Value& value) {
  const Napi::Object object = objectArgument(value, "metadata");
  const Napi::Value mtime = object.Get("mtimeNs");
  bool lossless = mtime.IsBigInt();
  Metadata metadata{unsignedArgument(object.Get("uid"), "uid", kMaxId), unsignedArgument(object.Get("gid"), "gid", kMaxId),
                    unsignedArgument(object.Get("mode"), "mode") & 07777,
                    lossless ? mtime.As<Napi::BigInt>().Int64Value(&lossless) : 0, {}};
  if (!lossless) throw Napi::TypeError::New(value.Env(), "mtimeNs must be a bigint of 64 bits");
  const Napi::Object xattrs = objectArgument(object.Get("xattrs"), "xattrs");
  const Napi::Array names = xattrs.GetPropertyNames();
  for (std::uint32_t i = 0; i < names.Length(); i++) {
    const std::string name = textArgument(names.Get(i), "xattr name");
    const Napi::Value content = xattrs.Get(name);
    if (!content.IsBuffer()) throw Napi::TypeError::New(value.Env(), "xattr " + name + " must be a Buffer");
    const auto buffer = content.As<Napi::Buffer<char>>();
    metadata.xattrs.emplace_back(name, std::string(buffer.Data(), buffer.Length()));
  }
  return metadata;
}

Operation::Kind kindArgument(const Napi::Value& value) {
  const std::string kind = textArgument(value, "kind");
  if (kind == "file") return Operation::Kind::file;
  if (kind == "symlink") return Operation::Kind::symlink;
  if (kind == "folder") return Operation::Kind::folder;
  if (kind == "folder-metadata") return Operation::Kind::folderMetadata;
  throw Napi::TypeError::New(value.Env(), "no such kind of operation: " + kind);
}

Operation operationArgument(const Napi::Value& value) {
  const Napi::Object object = objectArgument(value, "operation");
  Operation operation{kindArgument(object.Get("kind")), textArgument(object.Get("path"), "path"), nullptr, 0, "", {}};
  if (operation.kind == Operation::Kind::file) {
    const Napi::Value content = object.Get("content");
    if (!content.IsBuffer()) throw Napi::TypeError::New(value.Env(), "content must be a Buffer");
    operation.content = content.As<Napi::Buffer<char>>().Data();
    operation.contentSize = content.As<Napi::Buffer<char>>().Length();
  }
  if (operation.kind == Operation::Kind::symlink) operation.target = textArgument(object.Get("target"), "target");
  if (operation.kind != Operation::Kind::folder) operation.metadata = metadataArgument(object.Get("metadata"));
  return operation;
}

std::vector<Operation> operationsArgument(const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "operations must be an array");
  const auto array = value.As<Napi::Array>();
  std::vector<Operation> operations;
  operations.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    operations.push_back(operationArgument(array.Get(i)));
  }
  return operations;
}

Napi::Value toJsFailure(Napi::Env env, const std::optional<BatchFailure>& failed) {
  if (!failed) return env.Null();
  Napi::Object result = Napi::Object::New(env);
  result.Set("index", Napi::Number::New(env, static_cast<double>(failed->index)));
  result.Set("error", toJsError(env, failed->failure).Value());
  return result;
}

/// The JS face of a Root: reads arguments, then makes the call on a worker thread.
class NativeRoot final : public Napi::ObjectWrap<NativeRoot> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeRoot",
                       {InstanceMethod<&NativeRoot::mkdir>("mkdir"), InstanceMethod<&NativeRoot::createFile>("createFile"),
                        InstanceMethod<&NativeRoot::apply>("apply"),
                        InstanceMethod<&NativeRoot::openFile>("openFile"), InstanceMethod<&NativeRoot::symlink>("symlink"),
                        InstanceMethod<&NativeRoot::link>("link"), InstanceMethod<&NativeRoot::mknod>("mknod"),
                        InstanceMethod<&NativeRoot::remove>("remove"), InstanceMethod<&NativeRoot::setMetadata>("setMetadata"),
                        InstanceMethod<&NativeRoot::stat>("stat"), InstanceMethod<&NativeRoot::xattrs>("xattrs"),
                        InstanceMethod<&NativeRoot::list>("list"), InstanceMethod<&NativeRoot::readlink>("readlink"),
                        InstanceMethod<&NativeRoot::close>("close")});
  }

  explicit NativeRoot(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "NativeRoot is made by openRoot");
    root_ = *info[0].As<Napi::External<std::shared_ptr<Root>>>().Data();
  }

 private:
  std::shared_ptr<Root> opened(Napi::Env env) const {
    if (!root_) throw toJsError(env, systemFailure(EBADF, "openat2", "", "the root is closed"));
    return root_;
  }

  Napi::Value mkdir(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path"),
                                 mode = unsignedArgument(info[1], "mode", 07777)] { makeFolder(*root, path, mode); });
  }

  Napi::Value createFile(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(),
        [root = opened(info.Env()), path = textArgument(info[0], "path"), mode = unsignedArgument(info[1], "mode", 07777)] {
          return berth::createFile(*root, path, mode);
        },
        toJsNumber);
  }

  /// The array holds the contents' buffers until all is done.
  Napi::Value apply(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(),
        [root = opened(info.Env()), operations = operationsArgument(info[0])] { return applyAll(*root, operations); },
        [kept = Napi::Persistent(info[0].As<Napi::Object>())](Napi::Env env, const std::optional<BatchFailure>& failed)
            -> Napi::Value { return toJsFailure(env, failed); });
  }

  Napi::Value openFile(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(),
        [root = opened(info.Env()), path = textArgument(info[0], "path"), follow = booleanArgument(info[1], "follow")] {
          return berth::openFile(*root, path, follow);
        },
        toJsNumber);
  }

  Napi::Value symlink(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), target = textArgument(info[0], "target"),
                                 path = textArgument(info[1], "path")] { makeSymlink(*root, target, path); });
  }

  Napi::Value link(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), existing = textArgument(info[0], "existing"),
                                 path = textArgument(info[1], "path")] { makeLink(*root, existing, path); });
  }

  Napi::Value mknod(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path"),
                                 mode = unsignedArgument(info[1], "mode", 0177777), major = unsignedArgument(info[2], "major"),
                                 minor = unsignedArgument(info[3], "minor")] { makeNode(*root, path, mode, major, minor); });
  }

  Napi::Value remove(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path")] { removeTree(*root, path); });
  }

  Napi::Value setMetadata(const Napi::CallbackInfo& info) {
    return onWorker(info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path"),
                                 metadata = metadataArgument(info[1])] { berth::setMetadata(*root, path, metadata); });
  }

  Napi::Value stat(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path")] { return statEntry(*root, path); }, toJsStat);
  }

  Napi::Value xattrs(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path")] { return readXattrs(*root, path); },
        toJsXattrs);
  }

  Napi::Value list(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path")] { return listFolder(*root, path); },
        [](Napi::Env env, const std::vector<std::string>& names) -> Napi::Value {
          Napi::Array array = Napi::Array::New(env, names.size());
          for (std::uint32_t i = 0; i < names.size(); i++) array.Set(i, names[i]);
          return array;
        });
  }

  Napi::Value readlink(const Napi::CallbackInfo& info) {
    return onWorker(
        info.Env(), [root = opened(info.Env()), path = textArgument(info[0], "path")] { return readSymlink(*root, path); },
        [](Napi::Env env, const std::string& target) -> Napi::Value { return Napi::String::New(env, target); });
  }

  /// Calls in flight keep the descriptor until they are done.
  void close(const Napi::CallbackInfo& info) { root_.reset(); }

  static Napi::Value toJsNumber(Napi::Env env, int number) { return Napi::Number::New(env, number); }

  std::shared_ptr<Root> root_;
};

Napi::Value openRoot(const Napi::CallbackInfo& info) {
  return onWorker(
      info.Env(),
      [path = textArgument(info[0], "path")] { return std::make_shared<Root>(openRootFolder(path)); },
      [](Napi::Env env, std::shared_ptr<Root> root) -> Napi::Value {
        return env.GetInstanceData<AddonData>()->rootClass.New({Napi::External<std::shared_ptr<Root>>::New(env, &root)});
      });
}

}  // namespace

void exportRoot(Napi::Env env, Napi::Object exports, AddonData& data) {
  data.rootClass = Napi::Persistent(NativeRoot::define(env));
  exports.Set("openRoot", Napi::Function::New(env, openRoot));
}

}  // namespace berth

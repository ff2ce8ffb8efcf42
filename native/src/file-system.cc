#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"
#include "failure.h"
#include "topics.h"
#include "unique-fd.h"
#include "work.h"

namespace berth {

static Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  return onWorker(info.Env(), [path = textArgument(info[0], "path")] {
    const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) throw systemFailure(errno, "open", path);
    if (syncfs(folder.get()) != 0) throw systemFailure(errno, "syncfs", path);
  });
}

void exportFileSystem(Napi::Env env, Napi::Object exports) {
  exports.Set("syncFileSystem", Napi::Function::New(env, syncFileSystem));
}

}  // namespace berth

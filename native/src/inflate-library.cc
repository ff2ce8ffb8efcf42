#include "inflate-library.h"

#ifdef BERTH_HAS_INFLATE
#include <dlfcn.h>

namespace berth {

template <typename Function>
static bool find(void* handle, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, symbol));
  return function != nullptr;
}

std::shared_ptr<const InflateLibrary> openInflateLibrary() {
  void* handle = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return nullptr;
  auto library = std::make_shared<InflateLibrary>();
  library->handle = std::shared_ptr<void>(handle, dlclose);
  const bool whole = find(handle, "isal_inflate_init", library->init) && find(handle, "isal_inflate", library->inflate) &&
                     find(handle, "isal_gzip_header_init", library->headerInit) &&
                     find(handle, "isal_read_gzip_header", library->readHeader);
  if (!whole) return nullptr;
  return library;
}

}  // namespace berth
#endif

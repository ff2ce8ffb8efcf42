#pragma once

#include <memory>

#if __has_include(<isa-l/igzip_lib.h>)
#include <isa-l/igzip_lib.h>

namespace berth {

/// What of ISA-L undoes gzip. The header gives the layout of its structures, which is that of libisal.so.2.
struct InflateLibrary {
  void (*init)(inflate_state*);
  int (*inflate)(inflate_state*);
  void (*headerInit)(isal_gzip_header*);
  int (*readHeader)(inflate_state*, isal_gzip_header*);
  std::shared_ptr<void> handle;
};

/// Null when the library is not installed: its users have zlib to fall back to.
std::shared_ptr<const InflateLibrary> openInflateLibrary();

}  // namespace berth

#define BERTH_HAS_INFLATE 1
#endif

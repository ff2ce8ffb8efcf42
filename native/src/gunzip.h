#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "inflate-library.h"

#ifdef BERTH_HAS_INFLATE
namespace berth {

struct GunzipStep {
  std::size_t read;
  std::size_t written;
  /// The input may end here: at least one member is whole, and no other has begun.
  bool complete;
  /// Padding follows the last member; nothing more will be read.
  bool ended;
};

/// Undoes gzip (RFC 1952) piece by piece: one member after another, as zlib's users do it. Zero bytes after a member are
/// padding and end it, as a tape's blocks need; anything else there must be the next member.
class Gunzip {
 public:
  explicit Gunzip(std::shared_ptr<const InflateLibrary> library);

  /// Stops when the input is used up or the output is full. @throws Failure Z_DATA_ERROR
  GunzipStep decode(const std::uint8_t* input, std::size_t inputSize, std::uint8_t* output, std::size_t outputSize);

 private:
  enum class At { header, body, between, padding };

  bool step();
  void beginMember();

  std::shared_ptr<const InflateLibrary> library_;
  At at_ = At::header;
  inflate_state state_{};
  /// Outlives a call: a header may come in pieces, and what its flags announced is kept here.
  isal_gzip_header header_{};
};

}  // namespace berth
#endif

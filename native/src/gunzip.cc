#include "gunzip.h"

#ifdef BERTH_HAS_INFLATE
#include <tuple>
#include <utility>

#include "failure.h"

namespace berth {
namespace {

constexpr std::uint32_t kReservedFlags = 0xe0;

Failure dataFailure(const char* text) { return Failure("Z_DATA_ERROR", 0, "isal_inflate", "", text); }

/// In zlib's words, where it has them.
const char* describe(int result) {
  switch (result) {
    case ISAL_INVALID_BLOCK:
      return "invalid block type";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance too far back";
    case ISAL_INVALID_WRAPPER:
      return "incorrect header check";
    case ISAL_UNSUPPORTED_METHOD:
      return "unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
      return "incorrect data check";
    default:
      return "the data cannot be inflated";
  }
}

}  // namespace

Gunzip::Gunzip(std::shared_ptr<const InflateLibrary> library) : library_(std::move(library)) { beginMember(); }

void Gunzip::beginMember() {
  const auto [input, inputSize, output, outputSize] = std::make_tuple(state_.next_in, state_.avail_in, state_.next_out, state_.avail_out);
  library_->init(&state_);
  state_.next_in = input;
  state_.avail_in = inputSize;
  state_.next_out = output;
  state_.avail_out = outputSize;
  // The header is read apart: isal_inflate would forget between two calls which of its fields are still to come.
  state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
  library_->headerInit(&header_);
  at_ = At::header;
}

/// One move; false when it takes more input, or room.
bool Gunzip::step() {
  switch (at_) {
    case At::between:
      if (state_.avail_in == 0) return false;
      if (*state_.next_in == 0) {
        at_ = At::padding;
        return false;
      }
      beginMember();
      return true;
    case At::header: {
      if (state_.avail_in == 0) return false;
      const int result = library_->readHeader(&state_, &header_);
      if (result < 0) throw dataFailure(describe(result));
      if (result != ISAL_DECOMP_OK) return false;
      // RFC 1952, 2.3.1.2: what they will mean is not known, so neither is where the data begins. ISA-L passes over them.
      if ((header_.flags & kReservedFlags) != 0) throw dataFailure("unknown header flags set");
      at_ = At::body;
      return true;
    }
    case At::body: {
      const int result = library_->inflate(&state_);
      if (result < 0) throw dataFailure(describe(result));
      if (state_.block_state != ISAL_BLOCK_FINISH) return false;
      at_ = At::between;
      return true;
    }
    case At::padding:
      return false;
  }
  return false;
}

GunzipStep Gunzip::decode(const std::uint8_t* input, std::size_t inputSize, std::uint8_t* output, std::size_t outputSize) {
  // isal_inflate does not write through its input.
  state_.next_in = const_cast<std::uint8_t*>(input);
  state_.avail_in = static_cast<std::uint32_t>(inputSize);
  state_.next_out = output;
  state_.avail_out = static_cast<std::uint32_t>(outputSize);
  while (step()) {
  }
  const bool ended = at_ == At::padding;
  return {inputSize - state_.avail_in, outputSize - state_.avail_out, ended || at_ == At::between, ended};
}

}  // namespace berth
#endif

// Whatever bytes come, in whatever pieces: the frames are the same as if all
// had come at once, and the buffer never holds much more than has arrived.
// The first byte seeds the sizes of the pieces, the second is the frame limit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/frame.h"
#include "net/input_buffer.h"

namespace paddock::net {
namespace {

// The frames at the front of `input`, up to the first that is not whole.
std::vector<std::string> FramesOf(std::string_view input, int32_t limit) {
  std::vector<std::string> frames;
  for (;;) {
    const FrameScan scan = ScanFrame(input, limit);
    if (scan.kind != FrameScan::Kind::kFrame) {
      return frames;
    }
    CHECK_EQ(scan.bytes, kFramePrefixBytes + scan.frame.size());
    CHECK_LE(scan.frame.size(), static_cast<size_t>(limit));
    IsPing(scan.frame);
    frames.emplace_back(scan.frame);
    input.remove_prefix(scan.bytes);
  }
}

std::vector<std::string> FramesInPieces(std::string_view input, int32_t limit,
                                        size_t seed) {
  const size_t bytes_max =
      InputBuffer::kBytesLarge + kFramePrefixBytes + static_cast<size_t>(limit);
  std::vector<std::string> frames;
  InputBuffer buffer;
  ReadBuffer shared;
  while (!input.empty()) {
    seed = seed * 167 % 251;
    if (seed % 3 == 0 || !buffer.Borrow(&shared)) {
      CHECK(buffer.MakeRoom(bytes_max));
    }
    const size_t count =
        std::min({seed + 1, input.size(), buffer.room_bytes()});
    std::memcpy(buffer.room(), input.data(), count);
    buffer.Commit(count);
    input.remove_prefix(count);
    CHECK_LE(buffer.capacity(),
             std::max(InputBuffer::kBytesMin, 2 * buffer.data().size() + 256));
    for (const std::string& frame : FramesOf(buffer.data(), limit)) {
      buffer.Consume(kFramePrefixBytes + frame.size());
      frames.push_back(frame);
    }
    buffer.Return();
    if (ScanFrame(buffer.data(), limit).kind == FrameScan::Kind::kBad) {
      return frames;  // The connection would be closed
    }
  }
  return frames;
}

}  // namespace
}  // namespace paddock::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data) + 2,
                               size - 2);
  const auto limit = static_cast<int32_t>(data[1]);
  const auto whole = paddock::net::FramesOf(input, limit);
  CHECK(whole == paddock::net::FramesInPieces(input, limit, data[0]));
  return 0;
}

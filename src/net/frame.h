// Framing of the client port (client-protocol.md 2.1): every message is a
// 4-byte big-endian length and that many bytes.  Pure functions over bytes
// that somebody else owns; nothing is allocated, whatever a length says.

#ifndef PADDOCK_NET_FRAME_H_
#define PADDOCK_NET_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace paddock::net {

inline constexpr size_t kFramePrefixBytes = 4;
inline constexpr size_t kFourLetterWordBytes = 4;

// What the front of an input holds.
struct FrameScan {
  enum class Kind {
    kPartial,  // Not all of a frame yet
    kFrame,
    kBad,  // The length is negative or above the limit: hang up
  };

  Kind kind = Kind::kPartial;

  // Size of the frame with its prefix, as far as the input tells it: just the
  // prefix while even that is not all there.  Zero when kBad.
  size_t bytes = kFramePrefixBytes;

  std::string_view frame;  // kFrame: without the prefix, points into the input
};

// Looks at the front of `input`.  A frame of exactly `frame_bytes_max` bytes,
// the prefix not counted, is accepted.
FrameScan ScanFrame(std::string_view input, int32_t frame_bytes_max);

// Whether a request asks for a ping, judged by its operation code.
bool IsPing(std::string_view frame);

}  // namespace paddock::net

#endif  // PADDOCK_NET_FRAME_H_

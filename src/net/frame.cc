#include "net/frame.h"

#include "base/check.h"
#include "jute/archive.h"
#include "jute/proto.h"

namespace paddock::net {

FrameScan ScanFrame(std::string_view input, int32_t frame_bytes_max) {
  CHECK_GE(frame_bytes_max, 0);
  if (input.size() < kFramePrefixBytes) {
    return FrameScan{};
  }
  const int32_t size = jute::LoadBigEndian<int32_t>(input.data());
  if (size < 0 || size > frame_bytes_max) {
    return FrameScan{.kind = FrameScan::Kind::kBad, .bytes = 0, .frame = {}};
  }
  FrameScan scan;
  scan.bytes = kFramePrefixBytes + static_cast<size_t>(size);
  if (input.size() >= scan.bytes) {
    scan.kind = FrameScan::Kind::kFrame;
    scan.frame = input.substr(kFramePrefixBytes, static_cast<size_t>(size));
  }
  return scan;
}

bool IsPing(std::string_view frame) {
  constexpr size_t kTypeOffset = 4;  // RequestHeader: xid, type
  return frame.size() >= kTypeOffset + 4 &&
         jute::LoadBigEndian<int32_t>(frame.data() + kTypeOffset) ==
             static_cast<int32_t>(jute::OpCode::kPing);
}

}  // namespace paddock::net

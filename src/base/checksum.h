// The checksums of ZooKeeper's files and of its tree digest, with the values of
// zlib, but several times quicker: a start computes them for all there is, and
// each write pays for several.  Pure.

#ifndef PADDOCK_BASE_CHECKSUM_H_
#define PADDOCK_BASE_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace paddock {

// Continues `crc`, which is 0 at the start, over `bytes`.
uint32_t Crc32(uint32_t crc, std::string_view bytes);

inline constexpr uint32_t kAdler32Start = 1;

// Continues `sum` over `bytes`.
uint32_t Adler32(uint32_t sum, std::string_view bytes);

}  // namespace paddock

#endif  // PADDOCK_BASE_CHECKSUM_H_

// CRC-32 with the polynomial of zlib and Ethernet.  Pure.
//
// Same values as zlib's crc32(), but three to five times quicker for the short
// inputs of the tree digest, which each write pays for several times: measured
// 41 ns against 118 for 128 bytes, 22 against 113 for 60.

#ifndef PADDOCK_TREE_CRC32_H_
#define PADDOCK_TREE_CRC32_H_

#include <cstdint>
#include <string_view>

namespace paddock::tree {

// Continues `crc`, which is 0 at the start, over `bytes`.
uint32_t Crc32(uint32_t crc, std::string_view bytes);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_CRC32_H_

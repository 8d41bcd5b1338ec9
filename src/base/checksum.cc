#include "base/checksum.h"

#include <libdeflate.h>

namespace paddock {

// The library takes a null pointer, which an empty view may hold, for a
// question after the start value.

uint32_t Crc32(uint32_t crc, std::string_view bytes) {
  return bytes.empty() ? crc
                       : libdeflate_crc32(crc, bytes.data(), bytes.size());
}

uint32_t Adler32(uint32_t sum, std::string_view bytes) {
  return bytes.empty() ? sum
                       : libdeflate_adler32(sum, bytes.data(), bytes.size());
}

}  // namespace paddock

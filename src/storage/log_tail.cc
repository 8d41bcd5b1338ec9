#include "storage/log_tail.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "storage/log_format.h"

namespace paddock::storage {
namespace {

constexpr int64_t kSectorBytes = 512;
// The zeros above its 32-bit checksum with which a record may begin.
constexpr int64_t kLeadingZeros = 4;

// Whether a sector between `from` and `to` reads as the zeros that were there
// before anything was written.
absl::StatusOr<bool> MissesSector(const File& file, int64_t from, int64_t to) {
  std::string bytes(static_cast<size_t>(to - from) + kSectorBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   file.ReadAt(from, bytes.data(), bytes.size()));
  const int64_t end = from + static_cast<int64_t>(got);
  for (int64_t start = from; start < to;) {
    const int64_t next =
        std::min((start / kSectorBytes + 1) * kSectorBytes, end);
    const std::string_view sector = std::string_view(bytes).substr(
        static_cast<size_t>(start - from), static_cast<size_t>(next - start));
    if (next - start > kLeadingZeros &&
        sector.find_first_not_of('\0') == std::string_view::npos) {
      return true;
    }
    start = next;
  }
  return false;
}

}  // namespace

absl::StatusOr<LogTail> JudgeTail(const File& file, int64_t offset,
                                  zab::Zxid last) {
  constexpr auto kReach =
      static_cast<int64_t>(kFileHeaderBytes + kBatchBytesMax);
  LogTail tail;
  ASSIGN_OR_RETURN(tail.next, FindIntactRecord(file, offset, last));
  if (!tail.next) {
    tail.is_torn = true;
    return tail;
  }
  ASSIGN_OR_RETURN(const auto far,
                   FindIntactRecord(file, offset + kReach, last));
  if (!far) {
    ASSIGN_OR_RETURN(tail.is_torn,
                     MissesSector(file, offset, tail.next->offset));
  }
  return tail;
}

}  // namespace paddock::storage

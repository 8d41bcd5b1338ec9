// The bytes of a ZooKeeper transaction log (zab-and-disk.md 6.1):
//
//   FileHeader  int "ZKLG" | int 2 | long 0                          16 bytes
//   record*     long Adler-32 of the payload | int size of the payload
//               payload: TxnHeader, record, perhaps a digest
//               byte 'B'
//   zeros       up to the size that was preallocated
//
// A file is named log.<zxid of its first record, lower-case hex>.

#ifndef PADDOCK_STORAGE_LOG_FORMAT_H_
#define PADDOCK_STORAGE_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "zab/zxid.h"

namespace paddock::storage {

inline constexpr size_t kFileHeaderBytes = 16;
inline constexpr size_t kRecordHeadBytes = 12;      // Checksum and size
inline constexpr size_t kRecordOverheadBytes = 13;  // Likewise, and the 'B'
inline constexpr size_t kPayloadBytesMin = 32;      // A TxnHeader

// The most that is written to a log between two syncs, unless one record alone
// is larger.  Hence the most that a power cut can leave in disorder.
inline constexpr size_t kBatchBytesMax = 1 << 20;

void AppendFileHeader(std::string* out);
void AppendRecord(std::string_view payload, std::string* out);

enum class FileHeaderState {
  kValid,
  kUnwritten,  // Too short, or zeros: the first write never arrived
  kForeign,    // Not the header of a log of version 2
};

// Looks at the first bytes of a file.
FileHeaderState CheckFileHeader(std::string_view bytes);

struct Record {
  std::string_view payload;
  zab::Zxid zxid;

  size_t bytes() const { return payload.size() + kRecordOverheadBytes; }
};

struct ParsedRecord {
  enum class Kind {
    kRecord,
    kPadding,     // A head of zeros
    kIncomplete,  // More bytes are needed to tell
    kBad,
  };

  Kind kind = Kind::kIncomplete;
  Record record;               // kRecord; points into the bytes parsed
  size_t bytes_needed = 0;     // kIncomplete
  const char* what = nullptr;  // kBad
};

// Parses the record at the beginning of `bytes`.
ParsedRecord ParseRecord(std::string_view bytes);

// The zxid in the TxnHeader of `payload`.
// REQUIRES: payload.size() >= kPayloadBytesMin
zab::Zxid PayloadZxid(std::string_view payload);

// Whether the payload is an error transaction, which changes nothing.
// REQUIRES: payload.size() >= kPayloadBytesMin
bool IsErrorPayload(std::string_view payload);

// Whether a history may go on with `next` after `last`: the next counter of
// the epoch, or the first one of a later epoch (zab-and-disk.md 1.1).  `last`
// is {0, 0} where there is no history yet.
bool Continues(zab::Zxid last, zab::Zxid next);

std::string LogFileName(zab::Zxid first);

// The zxid in the name of a log, or of a snapshot (`prefix` "log." or
// "snapshot."); nullopt when it is the name of something else.
std::optional<zab::Zxid> ZxidOfName(std::string_view prefix,
                                    std::string_view name);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_LOG_FORMAT_H_

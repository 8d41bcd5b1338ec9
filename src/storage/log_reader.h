// Reads one transaction log file from its start, record by record.
//
//   for (;;) {
//     switch (reader.Next()) {
//       case LogReader::Outcome::kRecord: Use(reader.record()); break;
//       ...
//
// The reader says where a file stops making sense; what that means depends on
// the files after it (replay.h).  Never reads the whole file into memory, and
// never allocates more than the file holds.  Not thread-safe.

#ifndef PADDOCK_STORAGE_LOG_READER_H_
#define PADDOCK_STORAGE_LOG_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/file.h"
#include "storage/log_format.h"

namespace paddock::storage {

class LogReader {
 public:
  enum class Outcome {
    kRecord,   // See record()
    kEnd,      // The file ends here, or only zeros follow
    kBad,      // No record here, but other bytes than zeros; see what()
    kForeign,  // Not a log of version 2
    kError,    // The file cannot be read; see error()
  };

  // `file` must outlive the reader.
  static absl::StatusOr<LogReader> Open(const File* file);

  // After anything but kRecord it returns the same again.
  Outcome Next();

  // Valid until the next call of Next().
  const Record& record() const { return record_; }

  // Where the last record returned ends: the used length of the file.
  int64_t end() const { return offset_; }
  int64_t file_bytes() const { return file_bytes_; }

  // Number of bytes fetched so far, for progress.
  int64_t fetched() const {
    return buffer_offset_ + static_cast<int64_t>(buffer_.size());
  }

  const char* what() const { return what_; }
  const absl::Status& error() const { return error_; }

 private:
  LogReader(const File* file, int64_t file_bytes);

  Outcome ReadHeader();
  Outcome ReadRecord();
  Outcome Fail(absl::Status error);
  std::string_view Available() const;
  absl::StatusOr<bool> Fetch(size_t bytes_needed);

  const File* file_;
  int64_t file_bytes_;
  int64_t offset_ = 0;         // Of the next record
  int64_t buffer_offset_ = 0;  // Of the first byte of the buffer
  std::string buffer_;
  Record record_;
  std::optional<Outcome> final_;
  const char* what_ = nullptr;
  absl::Status error_;
};

// Where an intact record begins that a reader did not get to.
struct IntactRecord {
  int64_t offset = 0;
  zab::Zxid zxid;
};

// Looks for a record with a zxid above `after` that begins at `from` or later.
absl::StatusOr<std::optional<IntactRecord>> FindIntactRecord(const File& file,
                                                             int64_t from,
                                                             zab::Zxid after);

// Whether all bytes from `from` to the end of the file are zero.
absl::StatusOr<bool> OnlyZerosFrom(const File& file, int64_t from);

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_LOG_READER_H_

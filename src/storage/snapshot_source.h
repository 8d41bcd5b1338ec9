// The bytes of a snapshot file, decompressed.

#ifndef PADDOCK_STORAGE_SNAPSHOT_SOURCE_H_
#define PADDOCK_STORAGE_SNAPSHOT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/file.h"

struct z_stream_s;

namespace paddock::storage {

// As the name of the file says.
enum class Compression {
  kNone,
  kGzip,    // .gz
  kSnappy,  // .snappy: the stream of snappy-java, see the .cc
};

// Reads a file from its start to its end.  Memory is bounded, whatever the
// file says about lengths.  Not thread-safe.
class SnapshotSource {
 public:
  // `file` must outlive the source.
  SnapshotSource(const File* file, Compression compression);
  ~SnapshotSource();

  SnapshotSource(const SnapshotSource&) = delete;
  SnapshotSource& operator=(const SnapshotSource&) = delete;

  // A ByteSource.  Errors: kDataLoss when the file cannot be decompressed or
  // ends in the middle; those of File::ReadAt().
  absl::StatusOr<size_t> Read(char* to, size_t size);

  // Of the file, so far.
  int64_t bytes_read() const { return offset_; }

 private:
  absl::StatusOr<size_t> ReadGzip(char* to, size_t size);
  absl::StatusOr<size_t> ReadSnappy(char* to, size_t size);
  absl::StatusOr<bool> NextSnappyBlock();

  // Makes at least `size` bytes of the file ready in input_; false when it
  // ends before that.
  absl::StatusOr<bool> Fetch(size_t size);
  absl::Status CutShort() const;

  const File& file_;
  const Compression compression_;
  int64_t offset_ = 0;  // Of what was read of the file
  std::string buffer_;
  std::string_view input_;  // Of buffer_: read, not decompressed yet

  std::unique_ptr<z_stream_s> inflate_;  // kGzip, within a member
  std::string block_;                    // kSnappy, decompressed
  std::string_view block_left_;          // Of that
  bool snappy_begun_ = false;            // The magic was seen
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_SNAPSHOT_SOURCE_H_

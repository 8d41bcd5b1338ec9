// gzip: members one after the other, as Java's GZIPInputStream reads them.
//
// snappy, as snappy-java's SnappyOutputStream writes it:
//
//   8 bytes 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | int version | int oldest compatible
//   blocks: int size | so many bytes, a raw snappy block of at most 32 KiB
//
// The magic may come again in place of a block, where streams were joined.

#include "storage/snapshot_source.h"

#include <fmt/core.h>
#include <snappy.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "jute/archive.h"

namespace paddock::storage {
namespace {

constexpr size_t kFetchBytes = 256 << 10;
constexpr size_t kBlockBytesMax = 64 << 20;  // Far above what is written
constexpr size_t kIntBytes = 4;
constexpr std::string_view kSnappyMagic("\x82SNAPPY\0", 8);
constexpr size_t kSnappyHeaderBytes = 16;
constexpr int kGzipWindow = 16 + MAX_WBITS;  // As zlib wants to hear "gzip"

}  // namespace

SnapshotSource::SnapshotSource(const File* file, Compression compression)
    : file_(*file), compression_(compression) {}

SnapshotSource::~SnapshotSource() {
  if (inflate_ != nullptr) {
    inflateEnd(inflate_.get());
  }
}

absl::StatusOr<size_t> SnapshotSource::Read(char* to, size_t size) {
  CHECK_GT(size, 0u);
  if (compression_ == Compression::kGzip) {
    return ReadGzip(to, size);
  }
  if (compression_ == Compression::kSnappy) {
    return ReadSnappy(to, size);
  }
  ASSIGN_OR_RETURN(const size_t got, file_.ReadAt(offset_, to, size));
  offset_ += static_cast<int64_t>(got);
  return got;
}

absl::StatusOr<size_t> SnapshotSource::ReadGzip(char* to, size_t size) {
  constexpr size_t kOutMax = std::numeric_limits<uInt>::max();
  const auto wanted = static_cast<uInt>(std::min(size, kOutMax));
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, Fetch(1));
    if (inflate_ == nullptr) {
      if (!more) {
        return 0;
      }
      inflate_ = std::make_unique<z_stream>();
      CHECK_EQ(inflateInit2(inflate_.get(), kGzipWindow), Z_OK);
    } else if (!more) {
      return CutShort();
    }
    inflate_->next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(input_.data()));
    inflate_->avail_in = static_cast<uInt>(input_.size());
    inflate_->next_out = reinterpret_cast<Bytef*>(to);
    inflate_->avail_out = wanted;
    const int result = inflate(inflate_.get(), Z_NO_FLUSH);
    input_.remove_prefix(input_.size() - inflate_->avail_in);
    const size_t got = wanted - inflate_->avail_out;
    if (result == Z_STREAM_END) {
      inflateEnd(inflate_.get());
      inflate_ = nullptr;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return absl::DataLossError(
          fmt::format("cannot be decompressed before byte {}: {}", offset_,
                      inflate_->msg != nullptr ? inflate_->msg : "not gzip"));
    }
    if (got > 0) {
      return got;
    }
  }
}

absl::StatusOr<size_t> SnapshotSource::ReadSnappy(char* to, size_t size) {
  while (block_left_.empty()) {
    ASSIGN_OR_RETURN(const bool more, NextSnappyBlock());
    if (!more) {
      return 0;
    }
  }
  const size_t got = block_left_.copy(to, size);
  block_left_.remove_prefix(got);
  return got;
}

// False at the end of the file.
absl::StatusOr<bool> SnapshotSource::NextSnappyBlock() {
  const auto damage = [this](const char* what) {
    return absl::DataLossError(fmt::format(
        "cannot be decompressed before byte {}: {}", offset_, what));
  };
  ASSIGN_OR_RETURN(const bool more, Fetch(1));
  if (!more && snappy_begun_) {
    return false;
  }
  ASSIGN_OR_RETURN(const bool has_size, Fetch(kIntBytes));
  if (!has_size) {
    return CutShort();
  }
  if (!snappy_begun_ ||
      input_.substr(0, kIntBytes) == kSnappyMagic.substr(0, kIntBytes)) {
    ASSIGN_OR_RETURN(const bool has_header, Fetch(kSnappyHeaderBytes));
    if (!has_header) {
      return CutShort();
    }
    if (input_.substr(0, kSnappyMagic.size()) != kSnappyMagic) {
      return damage("no header of a snappy stream");
    }
    input_.remove_prefix(kSnappyHeaderBytes);
    snappy_begun_ = true;
    return true;
  }
  const auto size = jute::LoadBigEndian<int32_t>(input_.data());
  if (size < 0 || static_cast<size_t>(size) > kBlockBytesMax) {
    return damage("impossible size of a block");
  }
  const size_t end = kIntBytes + static_cast<size_t>(size);
  ASSIGN_OR_RETURN(const bool has_block, Fetch(end));
  if (!has_block) {
    return CutShort();
  }
  const std::string_view packed =
      input_.substr(kIntBytes, static_cast<size_t>(size));
  size_t unpacked = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &unpacked) ||
      unpacked > kBlockBytesMax) {
    return damage("impossible length of a block");
  }
  block_.resize(unpacked);
  if (!snappy::RawUncompress(packed.data(), packed.size(), block_.data())) {
    return damage("a block that is not snappy");
  }
  block_left_ = block_;
  input_.remove_prefix(end);
  return true;
}

absl::StatusOr<bool> SnapshotSource::Fetch(size_t size) {
  while (input_.size() < size) {
    const size_t kept = input_.size();
    buffer_.erase(0, buffer_.size() - kept);
    // A step at a time, for the size may be a lie.
    buffer_.resize(
        kept + std::clamp<size_t>(size - kept, kFetchBytes, 4 * kFetchBytes));
    ASSIGN_OR_RETURN(
        const size_t got,
        file_.ReadAt(offset_, buffer_.data() + kept, buffer_.size() - kept));
    offset_ += static_cast<int64_t>(got);
    buffer_.resize(kept + got);
    input_ = buffer_;
    if (got == 0) {
      return false;
    }
  }
  return true;
}

absl::Status SnapshotSource::CutShort() const {
  return absl::DataLossError(
      fmt::format("ends in the middle, after {} bytes", offset_));
}

}  // namespace paddock::storage

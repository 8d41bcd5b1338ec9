#include "storage/log_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace paddock::storage {
namespace {

constexpr size_t kFetchBytes = 1 << 20;
constexpr size_t kZeroWindowBytes = 64 << 10;
constexpr size_t kScanBytes = 32 << 20;
// Of two neighbouring windows of a scan.  A longer record that straddles both
// is not seen; the records after it are.
constexpr size_t kScanOverlapBytes = 8 << 20;

// Where `bytes` stop being zeros.
size_t ZerosLength(std::string_view bytes) {
  static constexpr char kZeros[4096] = {};
  size_t length = 0;
  while (bytes.size() - length >= sizeof kZeros &&
         std::memcmp(bytes.data() + length, kZeros, sizeof kZeros) == 0) {
    length += sizeof kZeros;
  }
  while (length < bytes.size() && bytes[length] == 0) {
    ++length;
  }
  return length;
}

// Like FindIntactRecord(), in memory; the offset is one in `bytes`.
std::optional<IntactRecord> FindIn(std::string_view bytes, zab::Zxid after) {
  // A head begins with the four zeros above a 32-bit checksum.
  for (size_t at = 0; at + kRecordOverheadBytes <= bytes.size(); ++at) {
    if (std::memcmp(bytes.data() + at, "\0\0\0", 4) != 0) {
      continue;
    }
    const ParsedRecord parsed = ParseRecord(bytes.substr(at));
    if (parsed.kind == ParsedRecord::Kind::kPadding) {
      // The head of a record holds at most 4 zeros before its checksum and 3
      // after it, so that it cannot begin before the last 7 of these.
      const size_t zeros = ZerosLength(bytes.substr(at));
      at += zeros - std::min<size_t>(zeros, 8);
      continue;
    }
    if (parsed.kind == ParsedRecord::Kind::kRecord &&
        parsed.record.zxid > after) {
      return IntactRecord{static_cast<int64_t>(at), parsed.record.zxid};
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<LogReader> LogReader::Open(const File* file) {
  ASSIGN_OR_RETURN(const int64_t file_bytes, file->Size());
  return LogReader(file, file_bytes);
}

LogReader::LogReader(const File* file, int64_t file_bytes)
    : file_(file), file_bytes_(file_bytes) {}

LogReader::Outcome LogReader::Next() {
  if (final_) {
    return *final_;
  }
  const Outcome outcome = offset_ == 0 ? ReadHeader() : ReadRecord();
  if (outcome != Outcome::kRecord) {
    final_ = outcome;
  }
  return outcome;
}

LogReader::Outcome LogReader::ReadHeader() {
  if (const auto more = Fetch(kFileHeaderBytes); !more.ok()) {
    return Fail(more.status());
  }
  switch (CheckFileHeader(Available())) {
    case FileHeaderState::kForeign:
      return Outcome::kForeign;
    case FileHeaderState::kUnwritten: {
      const auto zeros = OnlyZerosFrom(*file_, 0);
      if (!zeros.ok()) {
        return Fail(zeros.status());
      }
      what_ = "no file header";
      return *zeros ? Outcome::kEnd : Outcome::kBad;
    }
    case FileHeaderState::kValid:
      break;
  }
  offset_ = kFileHeaderBytes;
  return ReadRecord();
}

LogReader::Outcome LogReader::ReadRecord() {
  ParsedRecord parsed = ParseRecord(Available());
  while (parsed.kind == ParsedRecord::Kind::kIncomplete) {
    const auto more = Fetch(parsed.bytes_needed);
    if (!more.ok()) {
      return Fail(more.status());
    }
    if (!*more) {
      break;
    }
    parsed = ParseRecord(Available());
  }
  if (parsed.kind == ParsedRecord::Kind::kRecord) {
    record_ = parsed.record;
    offset_ += static_cast<int64_t>(record_.bytes());
    return Outcome::kRecord;
  }
  const auto zeros = OnlyZerosFrom(*file_, offset_);
  if (!zeros.ok()) {
    return Fail(zeros.status());
  }
  if (*zeros) {
    return Outcome::kEnd;
  }
  what_ = parsed.kind == ParsedRecord::Kind::kBad       ? parsed.what
          : parsed.kind == ParsedRecord::Kind::kPadding ? "zeros before data"
                                                        : "record cut short";
  return Outcome::kBad;
}

LogReader::Outcome LogReader::Fail(absl::Status error) {
  error_ = std::move(error);
  return Outcome::kError;
}

std::string_view LogReader::Available() const {
  CHECK_GE(offset_, buffer_offset_);
  return std::string_view(buffer_).substr(
      static_cast<size_t>(offset_ - buffer_offset_));
}

// Makes Available() at least `bytes_needed` long; false where the file ends
// before that.
absl::StatusOr<bool> LogReader::Fetch(size_t bytes_needed) {
  const size_t bytes_left = static_cast<size_t>(file_bytes_ - offset_);
  const size_t bytes_wanted =
      std::min(bytes_left, std::max(bytes_needed, kFetchBytes));
  buffer_.erase(0, static_cast<size_t>(offset_ - buffer_offset_));
  buffer_offset_ = offset_;
  const size_t bytes_kept = buffer_.size();
  if (bytes_kept < bytes_wanted) {
    buffer_.resize(bytes_wanted);
    ASSIGN_OR_RETURN(
        const size_t got,
        file_->ReadAt(offset_ + static_cast<int64_t>(bytes_kept),
                      buffer_.data() + bytes_kept, bytes_wanted - bytes_kept));
    buffer_.resize(bytes_kept + got);
  }
  return buffer_.size() >= bytes_needed;
}

absl::StatusOr<std::optional<IntactRecord>> FindIntactRecord(const File& file,
                                                             int64_t from,
                                                             zab::Zxid after) {
  ASSIGN_OR_RETURN(const int64_t file_bytes, file.Size());
  std::string window;
  while (from < file_bytes) {
    const int64_t bytes_left = file_bytes - from;
    window.resize(std::min(static_cast<size_t>(bytes_left), kScanBytes));
    ASSIGN_OR_RETURN(const size_t got,
                     file.ReadAt(from, window.data(), window.size()));
    const std::string_view bytes = std::string_view(window).substr(0, got);
    if (std::optional<IntactRecord> found = FindIn(bytes, after)) {
      found->offset += from;
      return found;
    }
    if (got < kScanBytes) {
      break;
    }
    from += static_cast<int64_t>(kScanBytes - kScanOverlapBytes);
  }
  return std::nullopt;
}

absl::StatusOr<bool> OnlyZerosFrom(const File& file, int64_t from) {
  std::string window(kZeroWindowBytes, '\0');
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got,
                     file.ReadAt(from, window.data(), window.size()));
    const std::string_view bytes = std::string_view(window).substr(0, got);
    if (ZerosLength(bytes) < got) {
      return false;
    }
    if (got < window.size()) {
      return true;
    }
    from += static_cast<int64_t>(got);
  }
}

}  // namespace paddock::storage

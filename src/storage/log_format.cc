#include "storage/log_format.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "base/checksum.h"
#include "jute/archive.h"
#include "jute/persistence.h"
#include "jute/txn.h"

namespace paddock::storage {
namespace {

constexpr char kTerminator = 'B';
constexpr size_t kZxidOffset = 12;  // In a TxnHeader
constexpr size_t kTypeOffset = 28;
constexpr int32_t kErrorType = -1;

int64_t Checksum(std::string_view payload) {
  return static_cast<int64_t>(Adler32(kAdler32Start, payload));
}

bool OnlyZeros(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char byte) { return byte == 0; });
}

ParsedRecord Incomplete(size_t bytes_needed) {
  ParsedRecord parsed;
  parsed.kind = ParsedRecord::Kind::kIncomplete;
  parsed.bytes_needed = bytes_needed;
  return parsed;
}

ParsedRecord Bad(const char* what) {
  ParsedRecord parsed;
  parsed.kind = ParsedRecord::Kind::kBad;
  parsed.what = what;
  return parsed;
}

}  // namespace

void AppendFileHeader(std::string* out) {
  jute::Write(jute::FileHeader{jute::kLogMagic, jute::kFileVersion, 0}, out);
}

void AppendRecord(std::string_view payload, std::string* out) {
  CHECK_GE(payload.size(), kPayloadBytesMin);
  CHECK_LE(payload.size(),
           static_cast<size_t>(std::numeric_limits<int32_t>::max()));
  jute::OutputArchive archive(out);
  archive.WriteLong(Checksum(payload));
  archive.WriteInt(static_cast<int32_t>(payload.size()));
  archive.WriteBytes(payload.data(), payload.size());
  out->push_back(kTerminator);
}

FileHeaderState CheckFileHeader(std::string_view bytes) {
  bytes = bytes.substr(0, kFileHeaderBytes);
  if (OnlyZeros(bytes)) {
    return FileHeaderState::kUnwritten;
  }
  std::string expected;
  AppendFileHeader(&expected);
  if (bytes.size() < kFileHeaderBytes) {
    return expected.compare(0, bytes.size(), bytes) == 0
               ? FileHeaderState::kUnwritten
               : FileHeaderState::kForeign;
  }
  jute::InputArchive archive(bytes);
  jute::FileHeader header;
  CHECK(jute::Read(archive, &header));
  return header.magic == jute::kLogMagic && header.version == jute::kFileVersion
             ? FileHeaderState::kValid
             : FileHeaderState::kForeign;
}

ParsedRecord ParseRecord(std::string_view bytes) {
  if (bytes.size() < kRecordHeadBytes) {
    return Incomplete(kRecordHeadBytes);
  }
  const int64_t checksum = jute::LoadBigEndian<int64_t>(bytes.data());
  const int32_t size = jute::LoadBigEndian<int32_t>(bytes.data() + 8);
  if (checksum == 0 && size == 0) {
    ParsedRecord padding;
    padding.kind = ParsedRecord::Kind::kPadding;
    return padding;
  }
  if (size < static_cast<int32_t>(kPayloadBytesMin)) {
    return Bad("impossible length");
  }
  const size_t payload_bytes = static_cast<size_t>(size);
  if (bytes.size() < payload_bytes + kRecordOverheadBytes) {
    return Incomplete(payload_bytes + kRecordOverheadBytes);
  }
  if (bytes[kRecordHeadBytes + payload_bytes] != kTerminator) {
    return Bad("no end mark");
  }
  const std::string_view payload =
      bytes.substr(kRecordHeadBytes, payload_bytes);
  if (Checksum(payload) != checksum) {
    return Bad("wrong checksum");
  }
  ParsedRecord parsed;
  parsed.kind = ParsedRecord::Kind::kRecord;
  parsed.record = {payload, PayloadZxid(payload)};
  return parsed;
}

zab::Zxid PayloadZxid(std::string_view payload) {
  CHECK_GE(payload.size(), kPayloadBytesMin);
  return zab::Zxid::FromWire(
      jute::LoadBigEndian<int64_t>(payload.data() + kZxidOffset));
}

bool IsErrorPayload(std::string_view payload) {
  CHECK_GE(payload.size(), kPayloadBytesMin);
  return jute::LoadBigEndian<int32_t>(payload.data() + kTypeOffset) ==
         kErrorType;
}

bool Continues(zab::Zxid last, zab::Zxid next) {
  return next.epoch == last.epoch
             ? uint64_t{next.counter} == uint64_t{last.counter} + 1
             : next.epoch > last.epoch && next.counter == 1;
}

std::string LogFileName(zab::Zxid first) {
  return fmt::format("log.{:x}", static_cast<uint64_t>(first.ToWire()));
}

std::optional<zab::Zxid> ZxidOfName(std::string_view prefix,
                                    std::string_view name) {
  if (name.substr(0, prefix.size()) != prefix) {
    return std::nullopt;
  }
  name.remove_prefix(prefix.size());
  uint64_t zxid = 0;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), zxid, 16);
  if (error != std::errc() || end != name.data() + name.size()) {
    return std::nullopt;
  }
  return zab::Zxid::FromWire(static_cast<int64_t>(zxid));
}

}  // namespace paddock::storage

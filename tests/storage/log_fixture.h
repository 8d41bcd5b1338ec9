// What the tests of storage share: a folder that goes away, transactions with
// any zxid, and a Storage whose confirmations can be waited for.

#ifndef PADDOCK_TESTS_STORAGE_LOG_FIXTURE_H_
#define PADDOCK_TESTS_STORAGE_LOG_FIXTURE_H_

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_stream.h"
#include "base/check.h"
#include "jute/txn.h"
#include "storage/checkpoint.h"
#include "storage/log_format.h"
#include "storage/replay.h"
#include "zab/write.h"

namespace paddock::storage {

// Where files are kept in memory, if there is such a place.
inline std::string MemoryFolder() {
  constexpr char kShared[] = "/dev/shm";
  return std::filesystem::is_directory(kShared)
             ? kShared
             : std::filesystem::temp_directory_path().string();
}

// A new folder in `parent`, removed with what it holds.
class TempDir {
 public:
  explicit TempDir(
      const std::string& parent = std::filesystem::temp_directory_path()) {
    std::string name = parent + "/paddock-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

inline constexpr int32_t kCreateSession = -10;
inline constexpr int32_t kError = -1;

// A transaction of `body_bytes` without a zero among its bytes, besides those
// of its header.
inline zab::Txn MakeTxn(zab::Zxid zxid, size_t body_bytes = 20,
                        int32_t type = kCreateSession) {
  std::string bytes;
  jute::Write(jute::TxnHeader{0x1234567, 1, zxid.ToWire(), 1700000000000, type},
              &bytes);
  for (size_t i = 0; i < body_bytes; ++i) {
    bytes.push_back(static_cast<char>('a' + (i + zxid.counter) % 26));
  }
  return {zxid, bytes};
}

// `count` transactions from `first` on.
inline std::vector<zab::Txn> MakeTxns(zab::Zxid first, size_t count,
                                      size_t body_bytes = 20) {
  std::vector<zab::Txn> txns;
  for (size_t i = 0; i < count; ++i) {
    txns.push_back(MakeTxn(first, body_bytes));
    ++first.counter;
  }
  return txns;
}

// As writes with ids from `first_id` on.
inline std::vector<zab::Write> ToWrites(const std::vector<zab::Txn>& txns,
                                        uint64_t first_id = 1) {
  std::vector<zab::Write> writes;
  for (const zab::Txn& txn : txns) {
    writes.push_back({first_id++, txn});
  }
  return writes;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  CHECK(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  CHECK(out.good()) << path;
}

// The bytes of a log file that holds `txns`.
inline std::string LogBytesOf(const std::vector<zab::Txn>& txns) {
  std::string bytes;
  AppendFileHeader(&bytes);
  for (const zab::Txn& txn : txns) {
    AppendRecord(txn.bytes, &bytes);
  }
  return bytes;
}

// What a folder's logs give back.
struct Replayed {
  absl::Status status;
  zab::Zxid last;
  std::vector<zab::Zxid> zxids;
  std::vector<std::string> payloads;
};

inline Replayed ReplayDir(const std::string& dir, zab::Zxid start = {}) {
  Replayed replayed;
  const auto state = ReplayLogs(dir, start, [&](const zab::Txn& txn) {
    replayed.zxids.push_back(txn.zxid);
    replayed.payloads.push_back(txn.bytes);
    return absl::OkStatus();
  });
  replayed.status = state.status();
  replayed.last = state.ok() ? state->state_zxid : zab::Zxid{};
  return replayed;
}

// For folders without snapshots.
inline absl::Status RefuseCheckpoint(const CheckpointHead&, CheckpointSource) {
  return absl::InternalError("a checkpoint");
}

inline absl::Status RefuseSnapshot(zab::Zxid, ByteSource) {
  return absl::InternalError("a snapshot");
}

inline std::vector<std::string> NamesIn(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

}  // namespace paddock::storage

#endif  // PADDOCK_TESTS_STORAGE_LOG_FIXTURE_H_

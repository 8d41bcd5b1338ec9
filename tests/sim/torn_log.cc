#include "sim/torn_log.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "jute/txn.h"
#include "storage/log_fixture.h"
#include "storage/log_format.h"
#include "storage/replay.h"
#include "storage/txn_log.h"

namespace paddock::sim {
namespace {

constexpr size_t kSectorBytes = 512;

// A log looks at the headers of transactions, which those of a simulated core
// do not have.
std::vector<zab::Write> WithHeaders(absl::Span<const zab::Txn> txns) {
  std::vector<zab::Write> writes;
  for (const zab::Txn& txn : txns) {
    std::string bytes;
    jute::Write(jute::TxnHeader{.zxid = txn.zxid.ToWire()}, &bytes);
    CHECK_EQ(bytes.size(), storage::kPayloadBytesMin);
    writes.push_back({.body = zab::Txn{txn.zxid, bytes + txn.bytes}});
  }
  return writes;
}

}  // namespace

absl::StatusOr<std::vector<zab::Txn>> TearLog(zab::Zxid start,
                                              absl::Span<const zab::Txn> synced,
                                              absl::Span<const zab::Txn> batch,
                                              Random& random) {
  const storage::TempDir folder(storage::MemoryFolder());
  const std::string path =
      folder /
      storage::LogFileName((synced.empty() ? batch : synced).front().zxid);
  storage::TxnLog log(folder.path(), random.Chance(1, 2) ? 0 : 64 << 10, -1,
                      1 << 20);
  std::string before;
  if (!synced.empty()) {
    RETURN_IF_ERROR(log.Append(WithHeaders(synced)));
    log.SkipSync();
    before = storage::ReadFile(path);
  }
  RETURN_IF_ERROR(log.Append(WithHeaders(batch)));
  std::string after = storage::ReadFile(path);
  before.resize(after.size());
  const uint64_t arrived_of_8 = random.Below(9);
  for (size_t at = 0; at < after.size(); at += kSectorBytes) {
    const std::string_view old =
        std::string_view(before).substr(at, kSectorBytes);
    if (old != std::string_view(after).substr(at, kSectorBytes) &&
        !random.Chance(arrived_of_8, 8)) {
      after.replace(at, old.size(), old);
    }
  }
  storage::WriteFile(path, after);
  std::vector<zab::Txn> found;
  RETURN_IF_ERROR(
      storage::ReadLogs(folder.path(), start, [&found](const zab::Txn& txn) {
        found.push_back(
            {txn.zxid, txn.bytes.substr(storage::kPayloadBytesMin)});
        return absl::OkStatus();
      }).status());
  return found;
}

}  // namespace paddock::sim

// txn_log_tool write DIR: keeps three transactions of a session in the log of
// DIR, and ends without a clean stop, so that the file keeps its padding.
// txn_log_tool print DIR: prints the zxid, session, time and type of every
// transaction in the log of DIR.
//
// For compat-tests, which compare with what Java's tools make of the files.

#include <fmt/core.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "jute/record.h"
#include "jute/txn.h"
#include "storage/storage.h"

namespace paddock::storage {
namespace {

constexpr int64_t kSession = 0x100000000000000;
constexpr int64_t kTimeMs = 1700000000000;

template <class Body>
zab::Write MakeWrite(uint64_t id, int32_t type, const Body& body) {
  const zab::Zxid zxid{0, static_cast<uint32_t>(id)};
  zab::Write write{id, zab::Txn{zxid, ""}};
  jute::Write(jute::TxnHeader{kSession, static_cast<int32_t>(id), zxid.ToWire(),
                              kTimeMs, type},
              &write.txn().bytes);
  jute::Write(body, &write.txn().bytes);
  return write;
}

int Append(Storage& storage) {
  const jute::ACL everything{31, {"world", "anyone"}};
  std::vector<zab::Write> writes;
  writes.push_back(MakeWrite(1, -10, jute::CreateSessionTxn{30000}));
  writes.push_back(MakeWrite(
      2, 1, jute::CreateTxn{"/written", "here", {everything}, false, 1}));
  writes.push_back(
      MakeWrite(3, 5, jute::SetDataTxn{"/written", "by Paddock", 1}));
  storage.Start({.persisted =
                     [](uint64_t id) {
                       if (id == 3) {
                         _exit(0);
                       }
                     },
                 .failed = [](absl::Status) { _exit(1); },
                 .checkpoint_drained = [] {},
                 .checkpointed = [](const absl::Status&) {}});
  storage.Submit(std::move(writes));
  for (;;) {
    pause();
  }
}

absl::Status Print(const zab::Txn& txn) {
  jute::InputArchive in(txn.bytes);
  jute::TxnHeader header;
  if (!jute::Read(in, &header)) {
    return absl::DataLossError("no TxnHeader");
  }
  fmt::print("0x{:x} 0x{:x} {} {}\n", header.zxid, header.clientId, header.time,
             header.type);
  return absl::OkStatus();
}

int Main(std::string_view command, const std::string& dir) {
  Options options;
  options.data_dir = dir;
  options.data_log_dir = dir;
  const auto storage = Storage::Open(options);
  if (!storage.ok()) {
    fmt::print(stderr, "{}\n", storage.status().ToString());
    return 1;
  }
  const bool prints = command == "print";
  const auto print = [prints](const zab::Txn& txn) {
    return prints ? Print(txn) : absl::OkStatus();
  };
  const auto skip = [](zab::Zxid, ByteSource) {
    return absl::DataLossError("not looked at");
  };
  const auto refuse = [](const CheckpointHead&, CheckpointSource) {
    return absl::UnimplementedError("a checkpoint");
  };
  const auto state =
      (*storage)->Load({.checkpoint = refuse, .snapshot = skip, .txn = print});
  if (!state.ok()) {
    fmt::print(stderr, "{}\n", state.status().ToString());
    return 1;
  }
  return prints ? 0 : Append(**storage);
}

}  // namespace
}  // namespace paddock::storage

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: txn_log_tool write|print DIR\n");
    return 2;
  }
  return paddock::storage::Main(argv[1], argv[2]);
}

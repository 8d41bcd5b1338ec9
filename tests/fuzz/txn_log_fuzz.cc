// Replay of arbitrary bytes.  An input that begins with the magic of a log
// file is one; any other is a script that builds an intact log and harms it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/log.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

const TempDir& Folder() {
  static const TempDir folder{MemoryFolder()};
  return folder;
}

// Replays the file, and checks that a history is found or damage reported, and
// that what was found is found again.
Replayed ReplayBytes(std::string_view bytes) {
  const std::string path = Folder() / "log.1";
  WriteFile(path, bytes);
  const Replayed replayed = ReplayDir(Folder().path());
  if (!replayed.status.ok()) {
    CHECK(absl::IsDataLoss(replayed.status)) << replayed.status;
    CHECK(ReadFile(path) == bytes) << "changed in spite of an error";
    return replayed;
  }
  const Replayed again = ReplayDir(Folder().path());
  CHECK(again.status.ok()) << again.status;
  CHECK(again.payloads == replayed.payloads);
  return replayed;
}

// Takes numbers and bytes off the front of the input.
class Script {
 public:
  explicit Script(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  size_t Below(size_t limit) {
    size_t value = 0;
    for (int i = 0; i < 3; ++i) {
      value = value << 8 | static_cast<uint8_t>(Take(1).append(1, '\0')[0]);
    }
    return value % limit;
  }

  std::string Take(size_t size) {
    const std::string taken(bytes_.substr(0, size));
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// Whatever one harm does to a log, what is read from it is how it began.
void HarmAndReplay(Script script) {
  const size_t harm = script.Below(4);
  const size_t at = script.Below(1 << 20);
  const size_t length = script.Below(2000);
  std::vector<zab::Txn> txns;
  for (uint32_t counter = 1; !script.empty(); ++counter) {
    txns.push_back(MakeTxn({0, counter}, 0));
    const size_t body_bytes = script.Below(600);
    txns.back().bytes += script.Take(body_bytes);
  }
  std::string bytes = LogBytesOf(txns);
  const size_t from = at % bytes.size();
  if (harm == 1) {
    bytes.resize(from);
  } else if (harm == 2) {
    bytes[from] = static_cast<char>(bytes[from] ^ (1 + length % 255));
  } else if (harm == 3) {
    bytes.replace(from, length, length, '\0');
  }
  const Replayed replayed = ReplayBytes(bytes);
  CHECK_LE(replayed.payloads.size(), txns.size());
  for (size_t i = 0; i < replayed.payloads.size(); ++i) {
    CHECK(replayed.payloads[i] == txns[i].bytes) << "transaction " << i;
  }
  if (harm == 0) {
    CHECK(replayed.status.ok()) << replayed.status;
    CHECK_EQ(replayed.payloads.size(), txns.size());
  }
}

}  // namespace
}  // namespace paddock::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;  // NOLINT: no other place for it
  log::CaptureForTest([](log::Level, std::string_view) {});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.substr(0, 4) == "ZKLG") {
    storage::ReplayBytes(input);
  } else {
    storage::HarmAndReplay(storage::Script(input));
  }
  return 0;
}

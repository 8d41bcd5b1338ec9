// Snapshots of arbitrary bytes.  An input that begins with the magic of a
// snapshot, of gzip or of snappy is a whole file; any other is the middle of a
// snapshot, to which the header and a right seal are added.

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/check.h"
#include "storage/log_fixture.h"
#include "storage/snapshot_source.h"
#include "tree/snapshot.h"
#include "tree/snapshot_fixture.h"

namespace paddock {
namespace {

constexpr tree::TreeOptions kOptions{.extended_types = true};

// Reads a snapshot, and checks that it is refused, or that it is a tree which
// is the same once written and read again.
void Read(ByteSource source) {
  tree::Restored restored(kOptions);
  const auto facts =
      tree::ReadSnapshot(source, 7, &restored.tree, &restored.sessions);
  restored.tree.CheckInvariants();
  if (!facts.ok()) {
    CHECK(absl::IsDataLoss(facts.status())) << facts.status();
    CHECK_EQ(restored.tree.last_zxid(), 0);
    return;
  }
  const std::string bytes =
      tree::SnapshotBytes(restored.tree, restored.sessions);
  tree::Restored again(kOptions);
  CHECK(again.Read(bytes, 7).ok());
  CHECK(tree::Describe(again.tree) == tree::Describe(restored.tree));
  CHECK(again.sessions == restored.sessions);
  CHECK(tree::SnapshotBytes(again.tree, again.sessions) == bytes);
}

void ReadPacked(storage::Compression compression, std::string_view bytes) {
  static const storage::TempDir folder{storage::MemoryFolder()};
  storage::WriteFile(folder / "file", bytes);
  const auto file = storage::File::OpenForRead(folder / "file");
  CHECK(file.ok());
  storage::SnapshotSource source(&*file, compression);
  Read([&source](char* to, size_t size) { return source.Read(to, size); });
}

// `middle`: from the number of sessions to the last node.
std::string Sealed(std::string_view middle) {
  std::string bytes = tree::SnapshotBuilder().Bytes();
  bytes.append(middle);
  jute::OutputArchive out(&bytes);
  out.WriteString("/");
  out.WriteLong(static_cast<int64_t>(
      adler32_z(adler32_z(0, nullptr, 0),
                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size())));
  out.WriteString("/");
  return bytes;
}

}  // namespace
}  // namespace paddock

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;  // NOLINT: no other place for it
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with("ZKSN")) {
    Read(tree::BytesSource(input, 1 + size / 3));
  } else if (input.starts_with("\x1f\x8b")) {
    ReadPacked(storage::Compression::kGzip, input);
  } else if (input.starts_with("\x82SNAP")) {
    ReadPacked(storage::Compression::kSnappy, input);
  } else {
    Read(tree::BytesSource(Sealed(input)));
  }
  return 0;
}

#include "storage/snapshot_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "jute/archive.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Not a snapshot, but ends like one; larger than all buffers in between.
std::string Content(size_t bytes = 1'000'000) {
  std::string content;
  for (size_t i = 0; content.size() < bytes; ++i) {
    content += std::to_string(i * i);
  }
  return content + std::string("\0\0\0\1/", 5);
}

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  CHECK_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8,
                        Z_DEFAULT_STRATEGY),
           Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string SnappyHeader() {
  return std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
}

// As snappy-java writes it.
std::string Snappy(std::string_view bytes) {
  constexpr size_t kBlockBytes = 32 << 10;
  std::string stream = SnappyHeader();
  for (; !bytes.empty();
       bytes.remove_prefix(std::min(bytes.size(), kBlockBytes))) {
    std::string block;
    snappy::Compress(bytes.data(), std::min(bytes.size(), kBlockBytes), &block);
    jute::OutputArchive(&stream).WriteInt(static_cast<int32_t>(block.size()));
    stream += block;
  }
  return stream;
}

std::string Packed(Compression compression, std::string_view bytes) {
  switch (compression) {
    case Compression::kGzip:
      return Gzip(bytes);
    case Compression::kSnappy:
      return Snappy(bytes);
    case Compression::kNone:
      break;
  }
  return std::string(bytes);
}

// What is read of a file with `bytes`, at most `step` bytes at a time.
absl::StatusOr<std::string> Unpack(Compression compression,
                                   std::string_view bytes,
                                   size_t step = 10'000) {
  const TempDir dir{MemoryFolder()};
  WriteFile(dir / "file", bytes);
  const auto file = File::OpenForRead(dir / "file");
  CHECK(file.ok()) << file.status();
  SnapshotSource source(&*file, compression);
  std::string unpacked;
  std::string buffer(step, '\0');
  for (;;) {
    const auto got = source.Read(buffer.data(), buffer.size());
    if (!got.ok()) {
      return got.status();
    }
    if (*got == 0) {
      return unpacked;
    }
    unpacked.append(buffer, 0, *got);
  }
}

class SnapshotSourceTest : public testing::TestWithParam<Compression> {};

TEST_P(SnapshotSourceTest, ReadsWhatWasPacked) {
  for (const size_t bytes : {0, 1, 40'000, 1'000'000}) {
    const std::string content = Content(bytes);
    const std::string packed = Packed(GetParam(), content);
    for (const size_t step : {1'000, 10'000'000}) {
      const auto unpacked = Unpack(GetParam(), packed, step);
      ASSERT_TRUE(unpacked.ok()) << unpacked.status();
      EXPECT_TRUE(*unpacked == content);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SnapshotSourceTest,
                         testing::Values(Compression::kNone, Compression::kGzip,
                                         Compression::kSnappy));

TEST(SnapshotSourceTest, JoinedStreamsAreOne) {
  for (const Compression compression :
       {Compression::kGzip, Compression::kSnappy}) {
    const auto unpacked = Unpack(
        compression, Packed(compression, "one") + Packed(compression, "two"));
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_EQ(*unpacked, "onetwo");
  }
}

// Wherever a stream is cut, what was read is what was in it, or an error says
// that it was cut.  Snappy has no end mark: the snapshot's own end tells.
TEST(SnapshotSourceTest, CutStreams) {
  const std::string content = Content(100'000);
  for (const Compression compression :
       {Compression::kGzip, Compression::kSnappy}) {
    const std::string packed = Packed(compression, content);
    for (size_t size = 0; size < packed.size(); size += 1 + size / 20) {
      const auto unpacked = Unpack(compression, packed.substr(0, size));
      if (unpacked.ok()) {
        EXPECT_TRUE(compression == Compression::kSnappy || size == 0) << size;
        EXPECT_TRUE(content.starts_with(*unpacked)) << size;
        EXPECT_LT(unpacked->size(), content.size()) << size;
      } else {
        EXPECT_TRUE(absl::IsDataLoss(unpacked.status())) << unpacked.status();
      }
    }
  }
}

TEST(SnapshotSourceTest, BytesThatAreNoStream) {
  const auto expect_damage = [](Compression compression,
                                const std::string& bytes, const char* what) {
    const auto unpacked = Unpack(compression, bytes);
    EXPECT_TRUE(absl::IsDataLoss(unpacked.status())) << unpacked.status();
    EXPECT_THAT(unpacked.status().ToString(), HasSubstr(what));
  };
  const std::string header = SnappyHeader();
  using enum Compression;
  expect_damage(kGzip, "plain text", "decompressed");
  expect_damage(kSnappy, "plain text without magic", "no header of a snappy");
  expect_damage(kSnappy, header + std::string("\xff\xff\xff\xff", 4),
                "size of a block");
  expect_damage(kSnappy, header + std::string("\x7f\xff\xff\xff", 4),
                "size of a block");
  expect_damage(kSnappy, header + std::string("\0\0\1\0abc", 7),
                "ends in the middle");
  expect_damage(kSnappy,
                header + std::string("\0\0\0\5\xff\xff\xff\xff\x0f", 9),
                "length of a block");
  expect_damage(kSnappy, header + std::string("\0\0\0\3\5xy", 7), "not snappy");
}

TEST(SnapshotNameTest, OnlyThoseOfSnapshots) {
  const auto parsed = ParseSnapshotName("snapshot.1a00000003");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->zxid, (zab::Zxid{0x1a, 3}));
  EXPECT_EQ(parsed->compression, Compression::kNone);
  EXPECT_EQ(ParseSnapshotName("snapshot.5.gz")->compression,
            Compression::kGzip);
  EXPECT_EQ(ParseSnapshotName("snapshot.5.snappy")->compression,
            Compression::kSnappy);
  for (const char* const name :
       {"snapshot", "snapshot.", "snapshot.gz", "snapshot.x", "snapshot.5.tmp",
        "snapshot.5.gz.gz", "new-snapshot.5", "log.5"}) {
    EXPECT_FALSE(ParseSnapshotName(name).has_value()) << name;
  }
}

// Takes what begins with "good".
class FakeState {
 public:
  absl::Status Restore(zab::Zxid zxid, ByteSource source) {
    char text[4];
    const auto got = source(text, sizeof text);
    if (!got.ok()) {
      return got.status();
    }
    zxids_.push_back(zxid.counter);
    return std::string_view(text, *got) == "good"
               ? absl::OkStatus()
               : absl::DataLossError("not good");
  }

  const std::vector<uint32_t>& zxids() const { return zxids_; }

 private:
  std::vector<uint32_t> zxids_;
};

class SnapshotFileTest : public testing::Test {
 protected:
  SnapshotFileTest() {
    log::CaptureForTest([this](log::Level level, std::string_view line) {
      if (level == log::Level::kWarning) {
        warnings_.emplace_back(line);
      }
    });
  }
  ~SnapshotFileTest() override { log::CaptureForTest(nullptr); }

  void Write(std::string_view name, std::string_view text) {
    WriteFile(dir_ / name, std::string(text) + std::string("\0\0\0\1/", 5));
  }
  absl::StatusOr<SnapshotRestored> Restore() {
    return RestoreNewestSnapshot(dir_.path(),
                                 [this](zab::Zxid zxid, ByteSource source) {
                                   return state_.Restore(zxid, source);
                                 });
  }

  const TempDir dir_{MemoryFolder()};
  FakeState state_;
  std::vector<std::string> warnings_;
};

TEST_F(SnapshotFileTest, NewestIsTaken) {
  Write("snapshot.9", "good");
  Write("snapshot.a", "good");
  WriteFile(dir_ / "snapshot.10.gz", Gzip("good"));
  Write("snapshot.11.tmp", "good");
  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->zxid, (zab::Zxid{0, 0x10}));
  EXPECT_FALSE(restored->damaged.has_value());
  EXPECT_THAT(state_.zxids(), ElementsAre(0x10));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(SnapshotFileTest, DamagedOnesArePassedOver) {
  Write("snapshot.1", "good");
  Write("snapshot.2", "bad");
  WriteFile(dir_ / "snapshot.3", "good, but not written to its end");
  WriteFile(dir_ / "snapshot.4.gz", "good, but not gzip");
  WriteFile(dir_ / "snapshot.5", "");
  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->zxid, (zab::Zxid{0, 1}));
  EXPECT_EQ(restored->damaged->name.zxid, (zab::Zxid{0, 5}));
  EXPECT_THAT(state_.zxids(), ElementsAre(2, 1));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("snapshot.5 is damaged"),
                                     HasSubstr("snapshot.4.gz is damaged"),
                                     HasSubstr("snapshot.3 is damaged"),
                                     HasSubstr("snapshot.2 is damaged")));
}

TEST_F(SnapshotFileTest, NoneIsNoError) {
  const auto restored = Restore();
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->zxid, zab::Zxid{});
  EXPECT_THAT(state_.zxids(), IsEmpty());
}

TEST_F(SnapshotFileTest, FileThatCannotBeReadIsAnError) {
  Write("snapshot.1", "good");
  std::filesystem::create_directory(dir_ / "snapshot.2");
  EXPECT_FALSE(Restore().ok());
}

TEST_F(SnapshotFileTest, WrittenFileAppearsComplete) {
  Write("new-snapshot.12", "left by a process that was killed, and longer");
  const auto path = WriteSnapshotFile(
      dir_.path(), {0, 0x12}, [this](ByteSink sink) -> absl::Status {
        EXPECT_TRUE(sink("good ").ok());
        EXPECT_THAT(NamesIn(dir_.path()), ElementsAre("new-snapshot.12"));
        return sink(std::string_view("text\0\0\0\1/", 9));
      });
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, dir_ / "snapshot.12");
  EXPECT_THAT(NamesIn(dir_.path()), ElementsAre("snapshot.12"));
  EXPECT_EQ(ReadFile(*path), std::string("good text\0\0\0\1/", 14));
  EXPECT_EQ(Restore()->zxid, (zab::Zxid{0, 0x12}));
}

TEST_F(SnapshotFileTest, FailedWriteLeavesTheOldFile) {
  Write("snapshot.12", "good");
  const auto path =
      WriteSnapshotFile(dir_.path(), {0, 0x12}, [](ByteSink sink) {
        EXPECT_TRUE(sink("half").ok());
        return absl::CancelledError("no more");
      });
  EXPECT_TRUE(absl::IsCancelled(path.status())) << path.status();
  EXPECT_EQ(Restore()->zxid, (zab::Zxid{0, 0x12}));
}

}  // namespace
}  // namespace paddock::storage

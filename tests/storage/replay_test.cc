#include "storage/replay.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kSector = 512;

// Collects the lines logged while it lives.
class LogLines {
 public:
  LogLines() {
    log::CaptureForTest([this](log::Level level, std::string_view line) {
      if (level >= log::Level::kWarning) {
        warnings_.emplace_back(line);
      }
    });
  }
  ~LogLines() { log::CaptureForTest(nullptr); }

  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<std::string> warnings_;
};

class ReplayTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::vector<zab::Txn>& txns) {
    WriteFile(dir_ / name, LogBytesOf(txns));
  }
  Replayed Replay() { return ReplayDir(dir_.path()); }

  // Expects that the newest file `name` is cut to `bytes` bytes, so that
  // `count` transactions remain, and that the cut is not repeated.
  void ExpectCut(const std::string& name, size_t bytes, size_t count) {
    const Replayed first = Replay();
    ASSERT_TRUE(first.status.ok()) << first.status;
    EXPECT_THAT(first.zxids, SizeIs(count));
    EXPECT_EQ(std::filesystem::file_size(dir_ / name), bytes);
    const LogLines lines;
    EXPECT_EQ(Replay().zxids, first.zxids);
    EXPECT_THAT(lines.warnings(), IsEmpty());
  }

  // Expects a refusal that says `what` and leaves every file as it is.
  void ExpectRefused(const std::string& what) {
    std::vector<std::pair<std::string, std::string>> before = Files();
    const Replayed replayed = Replay();
    EXPECT_TRUE(absl::IsDataLoss(replayed.status)) << replayed.status;
    EXPECT_THAT(std::string(replayed.status.message()), HasSubstr(what));
    EXPECT_TRUE(Files() == before);
  }

  std::vector<std::pair<std::string, std::string>> Files() {
    std::vector<std::pair<std::string, std::string>> files;
    for (const std::string& name : NamesIn(dir_.path())) {
      files.emplace_back(name, ReadFile(dir_ / name));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  const TempDir dir_{MemoryFolder()};  // Thousands of syncs
};

TEST_F(ReplayTest, NoLogIsAnEmptyHistory) {
  const Replayed replayed = Replay();
  EXPECT_TRUE(replayed.status.ok());
  EXPECT_EQ(replayed.last, (zab::Zxid{0, 0}));
}

TEST_F(ReplayTest, GivesBackEveryTransactionInOrder) {
  const std::vector<zab::Txn> txns = MakeTxns({0, 1}, 50, 100);
  Write("log.1", {txns.begin(), txns.begin() + 20});
  Write("log.15", {txns.begin() + 20, txns.end()});
  const Replayed replayed = Replay();
  ASSERT_TRUE(replayed.status.ok()) << replayed.status;
  ASSERT_THAT(replayed.payloads, SizeIs(50));
  for (size_t i = 0; i < txns.size(); ++i) {
    EXPECT_EQ(replayed.zxids[i], txns[i].zxid);
    EXPECT_EQ(replayed.payloads[i], txns[i].bytes);
  }
  EXPECT_EQ(replayed.last, (zab::Zxid{0, 50}));
}

TEST_F(ReplayTest, ReadsRecordsLongerThanItsBuffer) {
  Write("log.1", {MakeTxn({0, 1}), MakeTxn({0, 2}, 5'000'000),
                  MakeTxn({0, 3}, 1'500'000), MakeTxn({0, 4})});
  EXPECT_EQ(Replay().last, (zab::Zxid{0, 4}));
}

TEST_F(ReplayTest, FilesAreOrderedByZxidAndNotByName) {
  Write("log.1", MakeTxns({0, 1}, 0x0f));
  Write("log.10", MakeTxns({0, 0x10}, 1));
  Write("log.100000001", MakeTxns({1, 1}, 1));
  Write("log.9000000000000001", MakeTxns({0x90000000, 1}, 1));
  WriteFile(dir_ / "log.2.bak", "something else");
  EXPECT_EQ(Replay().last, (zab::Zxid{0x90000000, 1}));
}

TEST_F(ReplayTest, TheErrorOfTheCallerComesBack) {
  Write("log.1", MakeTxns({0, 1}, 5));
  const auto state = ReplayLogs(dir_.path(), {}, [](const zab::Txn& txn) {
    return txn.zxid.counter == 3 ? absl::OutOfRangeError("three")
                                 : absl::OkStatus();
  });
  EXPECT_EQ(state.status(), absl::OutOfRangeError("three"));
}

TEST_F(ReplayTest, PaddingIsAnEndAndIsCutOffSilently) {
  const std::string bytes = LogBytesOf(MakeTxns({0, 1}, 3));
  for (const size_t padding : {1, 11, 12, 13, 5000, 3 << 20}) {
    WriteFile(dir_ / "log.1", bytes + std::string(padding, '\0'));
    const LogLines lines;
    ExpectCut("log.1", bytes.size(), 3);
    EXPECT_THAT(lines.warnings(), IsEmpty());
  }
}

// A crash may leave any part of the last batch (zab-and-disk.md 6.1).

TEST_F(ReplayTest, TheLastBatchMayEndAtAnyByte) {
  const std::string whole = LogBytesOf(MakeTxns({0, 1}, 2));
  std::vector<zab::Txn> batch = MakeTxns({0, 3}, 3, 60);
  std::vector<size_t> ends = {whole.size()};
  std::string bytes = whole;
  for (const zab::Txn& txn : batch) {
    AppendRecord(txn.bytes, &bytes);
    ends.push_back(bytes.size());
  }
  for (size_t size = whole.size(); size <= bytes.size(); ++size) {
    const size_t intact = static_cast<size_t>(
        std::count_if(ends.begin(), ends.end(),
                      [&](size_t end) { return end <= size; }) -
        1);
    for (const std::string& rest :
         {std::string(), std::string(3000, '\0'), std::string(3000, '\xee')}) {
      WriteFile(dir_ / "log.1", bytes.substr(0, size) + rest);
      SCOPED_TRACE(fmt::format("size {}, rest {}", size, rest.size()));
      ExpectCut("log.1", ends[intact], 2 + intact);
    }
  }
}

TEST_F(ReplayTest, ATornTailIsOneLogLine) {
  const std::string whole = LogBytesOf(MakeTxns({0, 1}, 2));
  std::string bytes = whole;
  AppendRecord(MakeTxn({0, 3}).bytes, &bytes);
  bytes.pop_back();
  WriteFile(dir_ / "log.1", bytes);
  const LogLines lines;
  ASSERT_TRUE(Replay().status.ok());
  EXPECT_THAT(
      lines.warnings(),
      ElementsAre(AllOf(
          HasSubstr(dir_ / "log.1"),
          HasSubstr(fmt::format("offset {}", whole.size())),
          HasSubstr(fmt::format("{} bytes", bytes.size() - whole.size())))));
}

TEST_F(ReplayTest, AFlippedBitInTheLastRecordIsATornTail) {
  const std::string whole = LogBytesOf(MakeTxns({0, 1}, 2));
  std::string bytes = whole;
  AppendRecord(MakeTxn({0, 3}).bytes, &bytes);
  bytes[bytes.size() - 4] ^= 1;
  WriteFile(dir_ / "log.1", bytes);
  ExpectCut("log.1", whole.size(), 2);
}

// Any subset of the sectors of the last batch reached the disk; the others
// still hold the zeros that were there before, or, where the batch starts in
// the middle of a sector, what was there before.
TEST_F(ReplayTest, TheLastBatchMayLackAnySectors) {
  const std::string whole = LogBytesOf(MakeTxns({0, 1}, 3, 70));
  std::string bytes = whole;
  std::vector<size_t> ends = {whole.size()};
  for (const zab::Txn& txn : MakeTxns({0, 4}, 30, 70)) {
    AppendRecord(txn.bytes, &bytes);
    ends.push_back(bytes.size());
  }
  bytes.resize((bytes.size() + kSector - 1) / kSector * kSector, '\0');
  const size_t sectors = bytes.size() / kSector;
  ASSERT_LE(sectors, 9u);
  for (unsigned kept = 0; kept < 1u << sectors; ++kept) {
    std::string left = bytes;
    for (size_t i = 0; i < sectors; ++i) {
      if ((kept >> i & 1) == 0) {
        const size_t from = std::max(i * kSector, whole.size());
        const size_t to = std::max((i + 1) * kSector, from);
        std::fill(left.begin() + from, left.begin() + to, '\0');
      }
    }
    WriteFile(dir_ / "log.1", left);
    SCOPED_TRACE(kept);
    size_t intact = 0;
    while (intact + 1 < ends.size() &&
           left.compare(0, ends[intact + 1], bytes, 0, ends[intact + 1]) == 0) {
      ++intact;
    }
    ExpectCut("log.1", ends[intact], 3 + intact);
    if (HasFailure()) {
      return;
    }
  }
}

TEST_F(ReplayTest, TheFirstBatchOfAFileMayLackAnySectors) {
  const std::string bytes = LogBytesOf(MakeTxns({0, 3}, 20, 50));
  for (const size_t missing : {0, 1, 2}) {
    Write("log.1", MakeTxns({0, 1}, 2));
    std::string left = bytes;
    left.replace(missing * kSector, kSector, kSector, '\0');
    WriteFile(dir_ / "log.3", left);
    const Replayed replayed = Replay();
    ASSERT_TRUE(replayed.status.ok()) << replayed.status;
    EXPECT_EQ(std::filesystem::exists(dir_ / "log.3"), missing > 0);
    EXPECT_EQ(replayed.last.counter > 2, missing > 0);
  }
}

// Damage is refused.

TEST_F(ReplayTest, DamageBeforeIntactRecordsIsRefused) {
  const std::vector<zab::Txn> txns = MakeTxns({0, 1}, 30, 100);
  const std::string bytes = LogBytesOf(txns);
  const size_t record_bytes = (bytes.size() - kFileHeaderBytes) / 30;
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = bytes;
    const size_t at =
        kFileHeaderBytes +
        random.Below(bytes.size() - kFileHeaderBytes - record_bytes);
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.Below(8)));
    WriteFile(dir_ / "log.1", damaged);
    const size_t offset = kFileHeaderBytes +
                          (at - kFileHeaderBytes) / record_bytes * record_bytes;
    SCOPED_TRACE(at);
    ExpectRefused(
        fmt::format("{} is damaged at offset {} ", dir_ / "log.1", offset));
  }
}

// Zeros where records were synced: what follows is more than one batch away.
TEST_F(ReplayTest, AMissingSectorFarFromTheEndIsRefused) {
  const std::string bytes =
      LogBytesOf(MakeTxns({0, 1}, 2 * kBatchBytesMax / 1000, 1000));
  std::string damaged = bytes;
  damaged.replace(8 * kSector, kSector, kSector, '\0');
  WriteFile(dir_ / "log.1", damaged);
  ExpectRefused("is damaged at offset 3151 (no end mark)");
}

TEST_F(ReplayTest, AForeignFileIsRefused) {
  Write("log.1", MakeTxns({0, 1}, 2));
  WriteFile(dir_ / "log.4", "This is not a transaction log at all.");
  ExpectRefused("log.4 is not a ZooKeeper transaction log");
}

// Not even where the name is that of the next one.
TEST_F(ReplayTest, ALogOfAnotherVersionIsRefused) {
  Write("log.1", MakeTxns({0, 1}, 2));
  std::string bytes = LogBytesOf(MakeTxns({0, 3}, 1));
  bytes[7] = 3;
  WriteFile(dir_ / "log.3", bytes);
  ExpectRefused("log.3 is not a ZooKeeper transaction log");
}

// The file that a power cut left may begin with a sector that is neither old
// nor new.
TEST_F(ReplayTest, GarbageInTheFirstSectorIsATornTail) {
  Write("log.1", MakeTxns({0, 1}, 2));
  WriteFile(dir_ / "log.3", std::string(kSector, '\xee'));
  const Replayed replayed = Replay();
  ASSERT_TRUE(replayed.status.ok()) << replayed.status;
  EXPECT_EQ(replayed.last, (zab::Zxid{0, 2}));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "log.3"));
}

TEST_F(ReplayTest, GarbageBeforeIntactRecordsIsRefused) {
  Write("log.1", MakeTxns({0, 1}, 2));
  std::string bytes = LogBytesOf(MakeTxns({0, 3}, 20, 100));
  bytes.replace(0, kSector, kSector, '\xee');
  WriteFile(dir_ / "log.3", bytes);
  ExpectRefused("log.3 is damaged at offset 0 (no file header)");
}

TEST_F(ReplayTest, AFileUnderTheNameOfAnotherIsRefused) {
  Write("log.1", MakeTxns({0, 1}, 2));
  Write("log.4", MakeTxns({0, 3}, 2));
  ExpectRefused("not the one in its name");
}

TEST_F(ReplayTest, AMissingBeginningIsRefused) {
  Write("log.2", MakeTxns({0, 2}, 2));
  ExpectRefused("log.2 are missing");
}

TEST_F(ReplayTest, ALaterEpochMayBeTheBeginning) {
  Write("log.300000001", MakeTxns({3, 1}, 2));
  EXPECT_EQ(Replay().last, (zab::Zxid{3, 2}));
}

TEST_F(ReplayTest, AGapBetweenFilesIsRefused) {
  Write("log.1", MakeTxns({0, 1}, 2));
  Write("log.4", MakeTxns({0, 4}, 2));
  ExpectRefused("missing between 0x2 and 0x4");
}

TEST_F(ReplayTest, AGapInsideAFileIsRefused) {
  Write("log.1", {MakeTxn({0, 1}), MakeTxn({0, 3})});
  ExpectRefused("cannot follow 0x1");
}

TEST_F(ReplayTest, AnEpochMustBeginWithItsFirstTransaction) {
  Write("log.1", {MakeTxn({0, 1}), MakeTxn({1, 2})});
  ExpectRefused("cannot follow 0x1");
}

TEST_F(ReplayTest, ZxidsThatGoBackAreRefused) {
  Write("log.1", {MakeTxn({0, 1}), MakeTxn({0, 2}), MakeTxn({0, 1})});
  ExpectRefused("cannot follow 0x2");
}

// An older file may end anyhow if the next one goes on without a gap.

TEST_F(ReplayTest, AnOlderFileMayBeTornWhereTheNextGoesOn) {
  const std::string torn = LogBytesOf(MakeTxns({0, 1}, 3));
  const std::string bytes = torn.substr(0, torn.size() - 5);
  for (const zab::Zxid next : {zab::Zxid{0, 3}, zab::Zxid{2, 1}}) {
    const TempDir dir;
    WriteFile(dir / "log.1", bytes);
    WriteFile(dir / LogFileName(next), LogBytesOf(MakeTxns(next, 2)));
    const Replayed replayed = ReplayDir(dir.path());
    ASSERT_TRUE(replayed.status.ok()) << replayed.status;
    EXPECT_THAT(replayed.zxids, SizeIs(4));
    EXPECT_EQ(ReadFile(dir / "log.1"), bytes);
  }
}

TEST_F(ReplayTest, AnOlderFileMayNotBeTornBeforeAGap) {
  const std::string torn = LogBytesOf(MakeTxns({0, 1}, 3));
  WriteFile(dir_ / "log.1", torn.substr(0, torn.size() - 5));
  Write("log.4", MakeTxns({0, 4}, 2));
  ExpectRefused(fmt::format("{} is damaged at offset {} (record cut short)",
                            dir_ / "log.1",
                            LogBytesOf(MakeTxns({0, 1}, 2)).size()));
}

TEST_F(ReplayTest, NewestFilesWithoutARecordAreRemoved) {
  std::string header;
  AppendFileHeader(&header);
  for (const std::string& left :
       {std::string(), header, header.substr(0, 7), std::string(100000, '\0'),
        header + std::string(5000, '\0'), header + "torn"}) {
    Write("log.1", MakeTxns({0, 1}, 2));
    WriteFile(dir_ / "log.3", left);
    const Replayed replayed = Replay();
    ASSERT_TRUE(replayed.status.ok()) << replayed.status;
    EXPECT_EQ(replayed.last, (zab::Zxid{0, 2}));
    EXPECT_THAT(NamesIn(dir_.path()), ElementsAre("log.1"));
  }
}

TEST_F(ReplayTest, AnOnlyFileWithoutARecordIsRemoved) {
  WriteFile(dir_ / "log.1", "");
  EXPECT_EQ(Replay().last, (zab::Zxid{0, 0}));
  EXPECT_THAT(NamesIn(dir_.path()), IsEmpty());
}

// zab-and-disk.md 12.B 8.

TEST_F(ReplayTest, AnErrorMayRepeatAZxidOnce) {
  const zab::Txn txn = MakeTxn({0, 2});
  const zab::Txn error = MakeTxn({0, 2}, 4, kError);
  Write("log.1", {MakeTxn({0, 1}), txn, error, MakeTxn({0, 3})});
  const Replayed replayed = Replay();
  ASSERT_TRUE(replayed.status.ok()) << replayed.status;
  EXPECT_THAT(replayed.zxids,
              ElementsAre(zab::Zxid{0, 1}, zab::Zxid{0, 2}, zab::Zxid{0, 3}));
  EXPECT_EQ(replayed.payloads[1], txn.bytes);

  Write("log.1", {MakeTxn({0, 1}), txn, error, error});
  ExpectRefused("repeats zxid 0x2");
}

TEST_F(ReplayTest, AnotherTransactionMayNotRepeatAZxid) {
  Write("log.1", {MakeTxn({0, 1}), MakeTxn({0, 2}), MakeTxn({0, 2}, 21)});
  ExpectRefused("repeats zxid 0x2");
}

}  // namespace
}  // namespace paddock::storage

#include "cli/log_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/repair.h"
#include "jute/proto.h"
#include "jute/record.h"
#include "jute/txn.h"
#include "storage/log_format.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;
using End = LogFacts::End;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class LogCheckTest : public testing::Test {
 protected:
  LogCheckTest() {
    std::string name = testing::TempDir() + "paddock_log_check_XXXXXX";
    dir_ = mkdtemp(name.data());
  }
  ~LogCheckTest() override { fs::remove_all(dir_); }

  // Bytes of a log with the transactions `from` to `to` of epoch 0.
  static std::string Log(uint32_t from, uint32_t to) {
    std::string bytes;
    storage::AppendFileHeader(&bytes);
    for (uint32_t counter = from; counter <= to; ++counter) {
      std::string payload;
      jute::Write(
          jute::TxnHeader{.zxid = counter,
                          .type = static_cast<int32_t>(jute::OpCode::kError)},
          &payload);
      jute::Write(jute::ErrorTxn{-101}, &payload);
      storage::AppendRecord(payload, &bytes);
    }
    return bytes;
  }
  static constexpr int64_t kRecordBytes = 13 + 32 + 4;
  static constexpr int64_t Offset(int64_t index) {
    return 16 + index * kRecordBytes;
  }

  void Put(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_ / name, std::ios::binary) << bytes;
  }

  LogReport Check(uint32_t base = 0) {
    auto report = CheckLogs(dir_, zab::Zxid{0, base});
    EXPECT_TRUE(report.ok()) << report.status();
    return *std::move(report);
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path dir_;
};

TEST_F(LogCheckTest, SoundChain) {
  Put("log.1", Log(1, 4));
  Put("log.5", Log(5, 9) + std::string(1000, '\0'));
  const LogReport report = Check();
  EXPECT_FALSE(report.trouble);
  EXPECT_EQ(report.last, (zab::Zxid{0, 9}));
  ASSERT_THAT(report.files, SizeIs(2));
  EXPECT_EQ(report.files[1].txns, 5);
  EXPECT_EQ(report.files[1].end, End::kClean);
  EXPECT_EQ(report.files[1].used_bytes, Offset(5));
}

TEST_F(LogCheckTest, TornEndThatTheNextFilePassesBy) {
  Put("log.1", Log(1, 4) + "torn");
  Put("log.5", Log(5, 5));
  const LogReport report = Check();
  EXPECT_FALSE(report.trouble);
  EXPECT_EQ(report.files[0].end, End::kPassedBy);
  EXPECT_THAT(*RepairLogs(report, true), IsEmpty());
}

TEST_F(LogCheckTest, TornEndIsCutAndKept) {
  Put("log.1", Log(1, 4).substr(0, Offset(3) + 30));
  const LogReport report = Check();
  EXPECT_FALSE(report.trouble);
  EXPECT_EQ(report.files[0].end, End::kTorn);
  EXPECT_THAT(*RepairLogs(report, false), SizeIs(1));
  EXPECT_EQ(fs::file_size(dir_ / "log.1"), Offset(3));
  EXPECT_THAT(Names(), ElementsAre("cut-163-of-log.1", "log.1"));
  EXPECT_EQ(Check().files[0].end, End::kClean);
}

TEST_F(LogCheckTest, GapBeforeTheBaseIsNoTrouble) {
  Put("log.1", Log(1, 2));
  Put("log.5", Log(5, 9));
  EXPECT_FALSE(Check(7).trouble);
  EXPECT_FALSE(Check(4).trouble);
  const LogReport report = Check(3);
  ASSERT_TRUE(report.trouble);
  EXPECT_EQ(report.trouble->file, 1u);
  EXPECT_EQ(report.trouble->offset, 0);
  EXPECT_EQ(report.trouble->lost_txns, 5);
}

TEST_F(LogCheckTest, FileWithTheWrongName) {
  Put("log.1", Log(1, 2));
  Put("log.4", Log(3, 5));
  const LogReport report = Check();
  ASSERT_TRUE(report.trouble);
  EXPECT_EQ(report.trouble->what,
            "it begins with zxid 0x3, not the one in its name");
  EXPECT_EQ(report.trouble->lost_first, (zab::Zxid{0, 3}));
  EXPECT_EQ(report.trouble->lost_last, (zab::Zxid{0, 5}));
}

TEST_F(LogCheckTest, TwoDamagedPlaces) {
  std::string log = Log(1, 9);
  log[Offset(2) + 20] ^= 1;
  log[Offset(5) + 20] ^= 1;
  Put("log.1", log);
  Put("log.a", Log(10, 11));
  const LogReport report = Check();
  EXPECT_EQ(report.last, (zab::Zxid{0, 2}));
  ASSERT_TRUE(report.trouble);
  EXPECT_EQ(report.trouble->file, 0u);
  EXPECT_EQ(report.trouble->offset, Offset(2));
  EXPECT_EQ(report.trouble->lost_txns, 7);  // 4, 5, 7, 8, 9, a and b
}

TEST_F(LogCheckTest, DamageIsCutOnlyWhenAskedFor) {
  std::string log = Log(1, 9);
  log[Offset(2) + 20] ^= 1;
  Put("log.1", log);
  Put("log.a", Log(10, 11));
  const LogReport report = Check();
  EXPECT_THAT(*RepairLogs(report, false), IsEmpty());
  EXPECT_THAT(Names(), ElementsAre("log.1", "log.a"));
  EXPECT_THAT(*RepairLogs(report, true), SizeIs(2));
  EXPECT_THAT(Names(),
              ElementsAre("cut-0-of-log.a", "cut-114-of-log.1", "log.1"));
  EXPECT_FALSE(Check().trouble);
  EXPECT_EQ(Check().last, (zab::Zxid{0, 2}));
}

TEST_F(LogCheckTest, WhatWasKeptIsNeverOverwritten) {
  Put("log.1", Log(1, 2) + "torn");
  Put("cut-114-of-log.1", "kept");
  EXPECT_FALSE(RepairLogs(Check(), false).ok());
  EXPECT_EQ(fs::file_size(dir_ / "cut-114-of-log.1"), 4u);
  EXPECT_EQ(fs::file_size(dir_ / "log.1"), Offset(2) + 4);
}

TEST_F(LogCheckTest, ForeignFile) {
  Put("log.1", Log(1, 2));
  Put("log.3", "something else altogether");
  const LogReport report = Check();
  EXPECT_EQ(report.files[1].end, End::kForeign);
  ASSERT_TRUE(report.trouble);
  EXPECT_EQ(report.trouble->file, 1u);
}

}  // namespace
}  // namespace paddock::cli

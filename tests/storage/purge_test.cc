#include "storage/purge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/checkpoint.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::UnorderedElementsAre;

class PurgeTest : public testing::Test {
 protected:
  PurgeTest() {
    for (const char* name :
         {"log.1", "log.a", "log.14", "log.1e", "log.28", "other", "log.x"}) {
      WriteFile(log_ / name, "");
    }
    for (const char* name :
         {"snapshot.5", "snapshot.12.gz", "snapshot.1d", "snapshot.30"}) {
      WriteFile(data_ / name, "");
    }
  }

  void WriteCheckpoint(uint32_t counter) {
    auto writer = CheckpointWriter::Open(data_.path());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Begin({.zxid = {0, counter}}).ok());
    ASSERT_TRUE((*writer)->Commit().ok());
  }

  std::vector<std::string> Snapshots() {
    std::vector<std::string> names = NamesIn(data_.path());
    std::erase_if(names, [](const std::string& name) {
      return !name.starts_with("snapshot.");
    });
    return names;
  }

  absl::Status Run(size_t retain) {
    return Purge(data_.path(), log_.path(), retain);
  }

  const TempDir data_;
  const TempDir log_;
};

TEST_F(PurgeTest, WithoutACheckpointAllStays) {
  ASSERT_TRUE(Run(0).ok());
  EXPECT_EQ(NamesIn(log_.path()).size(), 7u);
  EXPECT_EQ(Snapshots().size(), 4u);
}

// The file that holds the first transaction after the checkpoint is needed.
TEST_F(PurgeTest, WhatAStartNeedsStays) {
  WriteCheckpoint(0x20);
  ASSERT_TRUE(Run(0).ok());
  EXPECT_THAT(NamesIn(log_.path()),
              UnorderedElementsAre("log.1e", "log.28", "other", "log.x"));
  EXPECT_THAT(Snapshots(), UnorderedElementsAre("snapshot.30"));
}

TEST_F(PurgeTest, TheFileThatBeginsAfterTheCheckpointIsEnough) {
  WriteCheckpoint(0x27);
  ASSERT_TRUE(Run(0).ok());
  EXPECT_THAT(NamesIn(log_.path()),
              UnorderedElementsAre("log.1e", "log.28", "other", "log.x"));
  WriteCheckpoint(0x28);
  ASSERT_TRUE(Run(0).ok());
  EXPECT_THAT(NamesIn(log_.path()),
              UnorderedElementsAre("log.28", "other", "log.x"));
}

TEST_F(PurgeTest, TheNewestOfTheOldAreRetained) {
  WriteCheckpoint(0x20);
  ASSERT_TRUE(Run(2).ok());
  EXPECT_THAT(NamesIn(log_.path()),
              UnorderedElementsAre("log.a", "log.14", "log.1e", "log.28",
                                   "other", "log.x"));
  EXPECT_THAT(Snapshots(), UnorderedElementsAre("snapshot.12.gz", "snapshot.1d",
                                                "snapshot.30"));
}

}  // namespace
}  // namespace paddock::storage

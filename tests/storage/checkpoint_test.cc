#include "storage/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "jute/persistence.h"
#include "storage/checkpointer.h"
#include "storage/disk_model.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string Acl(int32_t perms, std::string_view scheme = "world",
                std::string_view id = "anyone") {
  std::string bytes;
  jute::OutputArchive out(&bytes);
  out.WriteInt(1);
  jute::Write(jute::ACL{perms, {scheme, id}}, &bytes);
  return bytes;
}

// A node, whose id is as good as its path.
int64_t IdOf(std::string_view path) {
  int64_t id = 1;
  for (const char c : path) {
    id = id * 31 + c;
  }
  return id % 1'000'003 + 1;
}

std::string Node(std::string_view path, std::string_view data,
                 const std::string& acl = Acl(31),
                 const jute::StatPersisted& stat = {}) {
  std::string bytes;
  jute::Write(jute::CheckpointNode{path, data, acl, stat, IdOf(path)}, &bytes);
  return bytes;
}

std::shared_ptr<const std::vector<int64_t>> IdsOf(
    const std::vector<std::string>& paths) {
  std::vector<int64_t> ids;
  for (const std::string& path : paths) {
    ids.push_back(IdOf(path));
  }
  return std::make_shared<const std::vector<int64_t>>(std::move(ids));
}

// What a checkpoint holds.
struct Found {
  CheckpointHead head;
  std::map<std::string, std::string> nodes;  // Encoded, by path
  std::vector<int64_t> order;                // Of their ids
};

class CheckpointTest : public testing::Test {
 protected:
  absl::Status Write(const CheckpointHead& head,
                     const std::vector<std::string>& nodes) {
    auto writer = CheckpointWriter::Open(dir_.path());
    RETURN_IF_ERROR(writer.status());
    RETURN_IF_ERROR((*writer)->Begin(head));
    for (const std::string& node : nodes) {
      RETURN_IF_ERROR((*writer)->Add(node));
    }
    return (*writer)->Commit();
  }

  absl::StatusOr<Found> Read() {
    Found found;
    const auto take = [&](const CheckpointHead& head,
                          CheckpointSource source) -> absl::Status {
      found.head = head;
      while (true) {
        ASSIGN_OR_RETURN(const std::string records, source());
        if (records.empty()) {
          return absl::OkStatus();
        }
        jute::InputArchive in(records);
        while (in.remaining() > 0) {
          jute::CheckpointNode node;
          CHECK(jute::Read(in, &node));
          std::string bytes;
          jute::Write(node, &bytes);
          found.order.push_back(node.id);
          found.nodes[std::string(node.path)] = bytes;
        }
      }
    };
    RETURN_IF_ERROR(ReadCheckpoint(dir_.path(), take));
    return found;
  }

  const TempDir dir_;
};

constexpr int64_t kMoreThanAnyDisk = int64_t{1} << 60;

TEST_F(CheckpointTest, AFolderWithoutOne) {
  const auto zxid = CheckpointZxid(dir_.path());
  ASSERT_TRUE(zxid.ok());
  EXPECT_EQ(*zxid, std::nullopt);
}

TEST_F(CheckpointTest, HoldsWhatWasWritten) {
  const jute::StatPersisted stat{.czxid = 1,
                                 .mzxid = 2,
                                 .ctime = 3,
                                 .mtime = 4,
                                 .version = -5,
                                 .cversion = 6,
                                 .aversion = 7,
                                 .ephemeralOwner = INT64_MIN,
                                 .pzxid = 8};
  const std::string binary("\0\xff\n", 3);
  const std::vector<std::string> nodes = {
      Node("/b", binary, Acl(1, "digest", "u:h"), stat),
      Node("/a/x", jute::kNull), Node("/", ""),
      Node("/a", std::string(1 << 20, 'd'), Acl(31))};
  ASSERT_TRUE(Write({.zxid = {1, 9},
                     .digest = 0xfedcba9876543210,
                     .has_all_nodes = true,
                     .has_all_sessions = true,
                     .sessions = {{-5, 4000}, {7, 6000}}},
                    nodes)
                  .ok());
  const auto found = Read();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->head.zxid, (zab::Zxid{1, 9}));
  EXPECT_EQ(found->head.digest, 0xfedcba9876543210);
  ASSERT_EQ(found->head.sessions.size(), 2u);
  EXPECT_EQ(found->head.sessions[0].id, -5);
  EXPECT_EQ(found->head.sessions[1].timeout_ms, 6000);
  EXPECT_THAT(found->nodes,
              ElementsAre(Pair("/", nodes[2]), Pair("/a", nodes[3]),
                          Pair("/a/x", nodes[1]), Pair("/b", nodes[0])));
  EXPECT_EQ(*CheckpointZxid(dir_.path()), (zab::Zxid{1, 9}));
}

// Whatever the order is in which they were written.
TEST_F(CheckpointTest, NodesComeInTheOrderOfTheirIds) {
  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", ""), Node("/a!b", ""),
                                       Node("/a", ""), Node("/a/b", "")})
                  .ok());
  ASSERT_TRUE(Write({.zxid = {0, 2}, .deleted_ids = IdsOf({"/a/b"})},
                    {Node("/a", "2"), Node("/", "2"), Node("/a!b/c", ""),
                     Node("/d", "")})
                  .ok());
  const auto found = Read();
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(std::is_sorted(found->order.begin(), found->order.end()));
  EXPECT_EQ(found->order.size(), 5u);
  EXPECT_EQ(found->head.digest, std::nullopt);
}

TEST_F(CheckpointTest, TheNextOneWritesTheDifference) {
  ASSERT_TRUE(
      Write({.zxid = {0, 1}, .digest = 1, .sessions = {{1, 100}, {2, 100}}},
            {Node("/", ""), Node("/a", "1"), Node("/b", "1")})
          .ok());
  ASSERT_TRUE(Write({.zxid = {0, 5},
                     .deleted_ids = IdsOf({"/a", "/never"}),
                     .closed_sessions = {2, 9},
                     .sessions = {{3, 100}}},
                    {Node("/b", "again")})
                  .ok());
  const auto found = Read();
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->nodes, ElementsAre(Pair("/", Node("/", "")),
                                        Pair("/b", Node("/b", "again"))));
  ASSERT_EQ(found->head.sessions.size(), 2u);
  EXPECT_EQ(found->head.sessions[1].id, 3);
  EXPECT_EQ(found->head.digest, std::nullopt);
}

TEST_F(CheckpointTest, ItsSizeIsThatOfItsFiles) {
  EXPECT_EQ(CheckpointBytes(dir_.path()), 0);
  auto writer = CheckpointWriter::Open(dir_.path());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Begin({.zxid = {0, 1}}).ok());
  ASSERT_TRUE((*writer)->Add(Node("/", std::string(50000, 'd'))).ok());
  ASSERT_TRUE((*writer)->Commit().ok());
  const std::string path = dir_.path() + kCheckpointName;
  EXPECT_EQ(CheckpointBytes(dir_.path()),
            static_cast<int64_t>(std::filesystem::file_size(path) +
                                 std::filesystem::file_size(path + "-wal")));
  EXPECT_GT(CheckpointBytes(dir_.path()), 50000);
}

TEST_F(CheckpointTest, AWholeOneReplacesAll) {
  ASSERT_TRUE(Write({.zxid = {0, 1}, .sessions = {{1, 100}}},
                    {Node("/", ""), Node("/old", "", Acl(3))})
                  .ok());
  ASSERT_TRUE(
      Write({.zxid = {0, 2}, .has_all_nodes = true, .has_all_sessions = true},
            {Node("/", "new")})
          .ok());
  const auto found = Read();
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->nodes, ElementsAre(Pair("/", Node("/", "new"))));
  EXPECT_THAT(found->head.sessions, IsEmpty());
}

TEST_F(CheckpointTest, OneThatIsNotCommittedDoesNotCount) {
  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", "1")}).ok());
  auto writer = CheckpointWriter::Open(dir_.path());
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Begin({.zxid = {0, 2}}).ok());
  ASSERT_TRUE((*writer)->Add(Node("/", "2", Acl(1))).ok());
  EXPECT_EQ(*CheckpointZxid(dir_.path()), (zab::Zxid{0, 1}));

  // A new one starts over, and does not remember the other's lists.
  ASSERT_TRUE((*writer)->Begin({.zxid = {0, 3}}).ok());
  ASSERT_TRUE((*writer)->Add(Node("/", "3", Acl(1))).ok());
  ASSERT_TRUE((*writer)->Commit().ok());
  const auto found = Read();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->nodes, ElementsAre(Pair("/", Node("/", "3", Acl(1)))));
}

// The room is the log's.
TEST_F(CheckpointTest, LeavesRoomFreeThatItIsToLeave) {
  const auto refused = CheckpointWriter::Open(dir_.path(), kMoreThanAnyDisk);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  EXPECT_EQ(CheckpointBytes(dir_.path()), 0);

  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", "1")}).ok());
  auto writer = CheckpointWriter::Open(dir_.path(), kMoreThanAnyDisk);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const int64_t bytes = CheckpointBytes(dir_.path());
  absl::Status status = (*writer)->Begin({.zxid = {0, 2}});
  status.Update((*writer)->Add(Node("/", std::string(1 << 20, '2'))));
  status.Update((*writer)->Commit());
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(CheckpointBytes(dir_.path()), bytes);
  EXPECT_EQ(*CheckpointZxid(dir_.path()), (zab::Zxid{0, 1}));
  EXPECT_EQ(Read()->nodes.at("/"), Node("/", "1"));
}

TEST_F(CheckpointTest, ADamagedFileIsRefusedWithWhatToDo) {
  ASSERT_TRUE(
      Write({.zxid = {0, 1}}, {Node("/", std::string(100000, 'd'))}).ok());
  const std::string path = dir_.path() + kCheckpointName;
  std::string bytes = ReadFile(path);
  WriteFile(path, std::string(bytes.size(), 'x'));
  EXPECT_TRUE(absl::IsDataLoss(CheckpointZxid(dir_.path()).status()));
  const absl::Status status = Read().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("move it away"));

  WriteFile(path, bytes.substr(0, bytes.size() - 8192));  // Cut short
  EXPECT_TRUE(absl::IsDataLoss(Read().status())) << Read().status();
}

TEST_F(CheckpointTest, AZnodeWithoutItsAclIsDamage) {
  for (const char* const sql : {"UPDATE acl SET id = 5", "DELETE FROM acl",
                                "UPDATE znode SET acl = -1"}) {
    ASSERT_TRUE(
        Write({.zxid = {0, 1}, .has_all_nodes = true}, {Node("/", "")}).ok());
    ASSERT_TRUE(Sqlite::OpenForWrite(dir_.path() + kCheckpointName, 0)
                    ->Execute(sql)
                    .ok());
    const absl::Status status = Read().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << sql << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("unknown acl"));
  }
}

TEST_F(CheckpointTest, AnIdThatNoneCanHaveIsDamage) {
  for (const char* const id : {"0", "-7", "9223372036854775807"}) {
    ASSERT_TRUE(
        Write({.zxid = {0, 1}, .has_all_nodes = true}, {Node("/", "")}).ok());
    ASSERT_TRUE(
        Sqlite::OpenForWrite(dir_.path() + kCheckpointName, 0)
            ->Execute((std::string("UPDATE znode SET id = ") + id).c_str())
            .ok());
    const absl::Status status = Read().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << id << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("has the id"));
  }
}

// Whoever takes the nodes relies on the order of their ids.
TEST_F(CheckpointTest, AnyChangedBitLeavesTheirOrderOrIsDamage) {
  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", ""), Node("/a", "1"),
                                       Node("/b", "2"), Node("/c", "3")})
                  .ok());
  const std::string path = dir_.path() + kCheckpointName;
  const std::string whole = ReadFile(path);
  int damaged = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    if (whole[at] == 0) {
      continue;  // Mostly room that is not used
    }
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    WriteFile(path, bytes);
    const auto found = Read();
    damaged += found.ok() ? 0 : 1;
    if (found.ok()) {
      const std::vector<int64_t>& order = found->order;
      EXPECT_EQ(std::adjacent_find(order.begin(), order.end(),
                                   std::greater_equal<>()),
                order.end())
          << "byte " << at;
    }
  }
  EXPECT_GT(damaged, 100);
}

// To take it for none would be to start without it.
TEST_F(CheckpointTest, ZnodesWithoutAZxidAreDamage) {
  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", "")}).ok());
  ASSERT_TRUE(Sqlite::OpenForWrite(dir_.path() + kCheckpointName, 0)
                  ->Execute("DELETE FROM state WHERE name = 'zxid'")
                  .ok());
  EXPECT_TRUE(absl::IsDataLoss(CheckpointZxid(dir_.path()).status()));
  EXPECT_TRUE(absl::IsDataLoss(Read().status()));
}

TEST_F(CheckpointTest, OneOfAnotherLayoutIsRefusedWithWhatToDo) {
  ASSERT_TRUE(Write({.zxid = {0, 1}}, {Node("/", "1")}).ok());
  for (const char* const sql :
       {"PRAGMA user_version = 0", "PRAGMA user_version = 1",
        "DROP TABLE state"}) {
    ASSERT_TRUE(Sqlite::OpenForWrite(dir_.path() + kCheckpointName, 0)
                    ->Execute(sql)
                    .ok());
    for (const absl::Status& status :
         {CheckpointZxid(dir_.path()).status(), Read().status(),
          CheckpointWriter::Open(dir_.path()).status()}) {
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << sql << status;
    }
    EXPECT_THAT(
        std::string(Read().status().message()),
        AllOf(HasSubstr("another version of Paddock wrote " + dir_.path()),
              HasSubstr("and this one knows 2"), HasSubstr("paddock export")));
  }
}

// --- The thread ---

class CheckpointerTest : public CheckpointTest {
 protected:
  std::function<void()> Drained() {
    return [this] {
      std::lock_guard lock(mutex_);
      ++drained_;
      changed_.notify_all();
    };
  }
  std::function<void(absl::Status)> Done() {
    return [this](absl::Status status) {
      std::lock_guard lock(mutex_);
      done_.push_back(std::move(status));
      changed_.notify_all();
    };
  }
  absl::Status AwaitDone(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_.size() >= count; });
    return done_[count - 1];
  }
  void AwaitDrained() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return drained_ > 0; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::Status> done_;
  int drained_ = 0;
};

TEST_F(CheckpointerTest, WritesPieceByPiece) {
  Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
  checkpointer.Begin({.zxid = {0, 7}});
  checkpointer.Add(Node("/", ""));
  AwaitDrained();
  EXPECT_EQ(checkpointer.queued_bytes(), 0u);
  EXPECT_EQ(*CheckpointZxid(dir_.path()), std::nullopt);
  checkpointer.Add(Node("/a", ""));
  checkpointer.Finish();
  EXPECT_TRUE(AwaitDone(1).ok());
  EXPECT_EQ(*CheckpointZxid(dir_.path()), (zab::Zxid{0, 7}));
  EXPECT_EQ(Read()->nodes.size(), 2u);
}

TEST_F(CheckpointerTest, TriesAgainAfterAnError) {
  const std::string path = dir_.path() + kCheckpointName;
  std::filesystem::create_directory(path);  // Nobody can write to it
  Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
  checkpointer.Begin({.zxid = {0, 7}});
  checkpointer.Add(Node("/", ""));
  checkpointer.Finish();
  const absl::Status status = AwaitDone(1);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tree.db"));

  std::filesystem::remove(path);
  checkpointer.Begin({.zxid = {0, 8}});
  checkpointer.Add(Node("/", ""));
  checkpointer.Finish();
  EXPECT_TRUE(AwaitDone(2).ok());
  EXPECT_EQ(*CheckpointZxid(dir_.path()), (zab::Zxid{0, 8}));
}

// A purge must not trust a checkpoint that may be in memory only; but a full
// disk waits for the purge.
TEST_F(CheckpointerTest, RunsTasksAfterAnErrorOnlyWhenRoomIsLacking) {
  DiskModel disk(dir_.path());
  Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
  const auto write = [&](const std::string& data) {
    checkpointer.Begin({.zxid = {0, 7}});
    checkpointer.Add(Node("/", data));
    checkpointer.Finish();
  };
  write("1");
  ASSERT_TRUE(AwaitDone(1).ok());
  std::set<int> ran;  // Of the thread, until the next checkpoint is done
  disk.Inject({.calls = kWriteCall, .error = ENOSPC, .lasting = true});
  write("2");
  checkpointer.Run([&] { ran.insert(2); });
  EXPECT_TRUE(absl::IsResourceExhausted(AwaitDone(2)));
  disk.Inject({.calls = kSyncCall, .error = EIO, .lasting = true});
  write("3");
  checkpointer.Run([&] { ran.insert(3); });
  EXPECT_TRUE(absl::IsInternal(AwaitDone(3)));
  disk.Heal();
  write("4");
  checkpointer.Run([&] { ran.insert(4); });
  EXPECT_TRUE(AwaitDone(4).ok());
  write("5");
  EXPECT_TRUE(AwaitDone(5).ok());
  EXPECT_THAT(ran, ElementsAre(2, 4));
  EXPECT_EQ(Read()->nodes.at("/"), Node("/", "5"));
}

// Its rests would take days.
constexpr int kLongRest = 1 << 30;

TEST_F(CheckpointerTest, ARestEndsWhenNoneIsWanted) {
  Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
  checkpointer.Begin({.zxid = {0, 7}});
  checkpointer.Run([&] {
    checkpointer.SetRest(kLongRest);  // After this task
    Drained()();
  });
  AwaitDrained();
  checkpointer.Add(Node("/", ""));
  checkpointer.Finish();
  checkpointer.SetRest(0);
  EXPECT_TRUE(AwaitDone(1).ok());
}

TEST_F(CheckpointerTest, AStopDoesNotWaitForARest) {
  {
    Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
    checkpointer.Begin({.zxid = {0, 7}});
    checkpointer.Run([&] {
      checkpointer.SetRest(kLongRest);  // After this task
      Drained()();
    });
    AwaitDrained();
  }
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(CheckpointerTest, AStopGivesUpWhatIsNotFinished) {
  {
    Checkpointer checkpointer(dir_.path(), 0, Drained(), Done());
    checkpointer.Begin({.zxid = {0, 7}});
    checkpointer.Add(Node("/", ""));
    AwaitDrained();
  }
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_EQ(*CheckpointZxid(dir_.path()), std::nullopt);
}

}  // namespace
}  // namespace paddock::storage

#include "replica/replica.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "replica/admin.h"
#include "replica/replica_harness.h"

namespace paddock::replica {
namespace {

using jute::OpCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<int32_t> Xids(const std::vector<Frame>& frames) {
  std::vector<int32_t> xids;
  for (const Frame& frame : frames) {
    xids.push_back(frame.header.xid);
  }
  return xids;
}

// Its reply tells the state as it was asked for, without the write behind it.
TEST(ReplicaTest, SyncBetweenWritesThatBecomeDurableTogether) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "", kOpenAcl, 0}, 1);
  server.Send(client, OpCode::kSync, jute::SyncRequest{"/"}, 2);
  server.Send(client, OpCode::kExists, jute::ExistsRequest{"/b", false}, 3);
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/b", "", kOpenAcl, 0}, 4);
  server.FinishWrites();
  const std::vector<Frame> frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(4));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(frames[i].header.xid, i + 1);
  }
  EXPECT_EQ(frames[1].header.zxid, frames[0].header.zxid);
  EXPECT_EQ(frames[2].error(), Error::kNoNode);
}

// The first zxid of a fresh standalone server belongs to its first session
// (client-protocol.md chapter 17).
TEST(ReplicaTest, FirstSessionTakesZxidOne) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const Frame reply =
      server.Call(client, OpCode::kExists, jute::ExistsRequest{"/", false});
  EXPECT_EQ(reply.header.zxid, 1);
  const auto stat = reply.As<jute::ExistsResponse>().stat;
  EXPECT_EQ(stat.cversion, -1);
  EXPECT_EQ(stat.numChildren, 1);
  EXPECT_EQ(stat.czxid, 0);
}

TEST(ReplicaTest, NoReplyBeforeItsWriteIsDurable) {
  ReplicaHarness server;
  const ConnectionId client = server.OpenConnection();
  server.SendConnect(client, {.timeOut = 10000, .passwd = ""});
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.FinishWrites();
  EXPECT_NE(server.TakeConnectResponse(client).sessionId, 0);

  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0});
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.FinishWrites();
  EXPECT_THAT(server.Take(client), SizeIs(1));
}

// A watch event promises its write as a reply does.
TEST(ReplicaTest, NoEventBeforeItsWriteIsDurable) {
  ReplicaHarness server;
  const ConnectionId watcher = server.Connect();
  const ConnectionId writer = server.Connect();
  server.Create(writer, "/a");
  server.Get(watcher, "/a", /*watch=*/true);

  server.Send(writer, OpCode::kSetData, jute::SetDataRequest{"/a", "2", -1});
  EXPECT_THAT(server.Take(watcher), IsEmpty());
  server.FinishWrites();
  const auto frames = server.Take(watcher);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].header.xid, -1);
  EXPECT_EQ(frames[0].header.zxid, 4);
}

TEST(ReplicaTest, ReadWaitsForEarlierWriteOfItsSession) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0}, 1);
  server.Send(client, OpCode::kGetData, jute::GetDataRequest{"/a", false}, 2);
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/a", "2", 0}, 3);
  server.Send(client, OpCode::kGetData, jute::GetDataRequest{"/a", false}, 4);
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.FinishWrites();
  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(frames[1].As<jute::GetDataResponse>().data, "1");
  EXPECT_EQ(frames[3].As<jute::GetDataResponse>().data, "2");
}

TEST(ReplicaTest, ReadsOfOtherSessionsDoNotWait) {
  ReplicaHarness server;
  const ConnectionId writer = server.Connect();
  const ConnectionId reader = server.Connect();
  server.Send(writer, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0});
  server.Send(reader, OpCode::kExists, jute::ExistsRequest{"/a", false});
  const auto frames = server.Take(reader);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].error(), Error::kNoNode);
}

TEST(ReplicaTest, PingKeepsItsPlaceAmongQuickRequests) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0}, 1);
  server.SendBare(client, OpCode::kPing, 77);
  server.FinishWrites();
  EXPECT_THAT(Xids(server.Take(client)), ElementsAre(1, jute::kPingXid));
}

// A disk that stalls must not cost a client its session.
TEST(ReplicaTest, PingOvertakesRequestsThatTakeLong) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0}, 1);
  server.SendBare(client, OpCode::kPing, 77);
  server.Pass(absl::Milliseconds(99));
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.Pass(absl::Milliseconds(1));
  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(jute::kPingXid));
  EXPECT_EQ(frames[0].header.zxid, 1);
  server.FinishWrites();
  EXPECT_THAT(Xids(server.Take(client)), ElementsAre(1));
}

// What another session was promised before the sync is visible after it.
// Reads behind a write are answered all at once when it is durable, so what may
// wait there is bounded by what the replies will take.
TEST(ReplicaTest, ReadsWithLargeRepliesDoNotPileUpBehindAWrite) {
  Options options;
  options.owed_bytes_soft = 2000;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  server.Create(client, "/a", std::string(800, 'a'));
  server.Create(client, "/small");
  const auto get = [&](std::string_view path) {
    server.Send(client, OpCode::kGetData, jute::GetDataRequest{path, false});
  };
  server.Send(client, OpCode::kSetData,
              jute::SetDataRequest{"/small", "b", -1});
  get("/a");
  get("/a");
  EXPECT_FALSE(server.replica().MustWait(client));
  get("/a");
  EXPECT_TRUE(server.replica().MustWait(client));
  server.FinishWrites();
  EXPECT_THAT(server.Take(client), SizeIs(4));
  EXPECT_FALSE(server.replica().MustWait(client));

  // A write on its way counts: small now, large then.
  server.Send(client, OpCode::kSetData,
              jute::SetDataRequest{"/small", std::string(950, 'b'), -1});
  get("/small");
  get("/small");
  EXPECT_TRUE(server.replica().MustWait(client));
  server.FinishWrites();
  server.Take(client);

  // And so does the opposite.
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/a", "", -1});
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/a", "", -1});
  get("/a");
  get("/a");
  get("/a");
  EXPECT_TRUE(server.replica().MustWait(client));
}

TEST(ReplicaTest, ListsAndMultiReadsCountWithTheirReplies) {
  Options options;
  options.owed_bytes_soft = 2000;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  const ConnectionId other = server.Connect();
  server.Create(client, "/a", std::string(800, 'a'));
  for (int i = 0; i < 100; ++i) {
    server.Create(client, fmt::format("/child-{}", i));
  }
  const std::string data(800, 'b');
  const jute::SetDataRequest set{"/a", data, -1};
  server.Send(client, OpCode::kSetData, set);
  EXPECT_FALSE(server.replica().MustWait(client));
  server.Send(client, OpCode::kGetChildren2,
              jute::GetChildrenRequest{"/", false});
  EXPECT_TRUE(server.replica().MustWait(client));

  std::string body;
  for (int i = 0; i < 3; ++i) {
    jute::Write(jute::MultiHeader{.type = 4, .done = false, .err = -1}, &body);
    jute::Write(jute::GetDataRequest{"/a", false}, &body);
  }
  jute::Write(jute::MultiHeader{.type = -1, .done = true, .err = -1}, &body);
  server.Send(other, OpCode::kSetData, set);
  server.SendBare(other, OpCode::kMultiRead, 1, body);
  EXPECT_TRUE(server.replica().MustWait(other));
  server.FinishWrites();
  EXPECT_FALSE(server.replica().MustWait(client));
  server.Take(client);
  server.Take(other);
}

// While all together are owed much, one that is owed nothing is still served.
TEST(ReplicaTest, TheTotalOwedHoldsOnlyThoseThatAreOwedSomething) {
  Options options;
  options.owed_bytes_total_soft = 1000;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  const ConnectionId other = server.Connect();
  server.Create(client, "/a", std::string(1200, 'a'));
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/a", "", -1});
  EXPECT_FALSE(server.replica().MustWait(client));
  server.Send(client, OpCode::kGetData, jute::GetDataRequest{"/a", false});
  EXPECT_TRUE(server.replica().MustWait(client));
  EXPECT_FALSE(server.replica().MustWait(other));
}

TEST(ReplicaTest, MultiReadWithAnEnormousReplyIsRefused) {
  Options options;
  options.multi_read_bytes_max = 1000;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  server.Create(client, "/a", std::string(800, 'a'));
  const auto multi_read = [&](int count) {
    std::string body;
    for (int i = 0; i < count; ++i) {
      jute::Write(jute::MultiHeader{.type = 4, .done = false, .err = -1},
                  &body);
      jute::Write(jute::GetDataRequest{"/a", false}, &body);
    }
    jute::Write(jute::MultiHeader{.type = -1, .done = true, .err = -1}, &body);
    server.SendBare(client, OpCode::kMultiRead, 1, body);
    return server.Take(client).back();
  };
  EXPECT_EQ(multi_read(2).error(), Error::kOk);
  EXPECT_EQ(multi_read(3).error(), Error::kMarshallingError);
}

TEST(ReplicaTest, SyncWaitsForProposalsOfOthers) {
  ReplicaHarness server;
  const ConnectionId writer = server.Connect();
  const ConnectionId reader = server.Connect();
  server.Send(writer, OpCode::kCreate,
              jute::CreateRequest{"/a", "1", kOpenAcl, 0});
  server.Send(reader, OpCode::kSync, jute::SyncRequest{"/a"}, 1);
  server.Send(reader, OpCode::kGetData, jute::GetDataRequest{"/a", false}, 2);
  EXPECT_THAT(server.Take(reader), IsEmpty());
  server.FinishWrites();
  const auto frames = server.Take(reader);
  ASSERT_THAT(Xids(frames), ElementsAre(1, 2));
  EXPECT_EQ(frames[1].error(), Error::kOk);
}

TEST(ReplicaTest, PipelinedSequentialCreatesGetDistinctNumbers) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  for (int32_t xid = 1; xid <= 3; ++xid) {
    server.Send(client, OpCode::kCreate,
                jute::CreateRequest{"/n-", "", kOpenAcl, 2}, xid);
  }
  server.FinishWrites();
  const auto frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(3));
  EXPECT_EQ(frames[0].As<jute::CreateResponse>().path, "/n-0000000000");
  EXPECT_EQ(frames[2].As<jute::CreateResponse>().path, "/n-0000000002");
}

TEST(ReplicaTest, FailedWriteConsumesZxid) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const Frame reply = server.Delete(client, "/missing");
  EXPECT_EQ(reply.error(), Error::kNoNode);
  EXPECT_EQ(reply.header.zxid, 2);
}

TEST(ReplicaTest, FailedMultiTellsWhichOperationAndChangesNothing) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  std::string body;
  const auto add = [&](OpCode type, const auto& record) {
    jute::Write(jute::MultiHeader{static_cast<int32_t>(type), false, -1},
                &body);
    jute::Write(record, &body);
  };
  add(OpCode::kCreate, jute::CreateRequest{"/z", "", kOpenAcl, 0});
  add(OpCode::kDelete, jute::DeleteRequest{"/missing", -1});
  add(OpCode::kCheck, jute::CheckVersionRequest{"/", -1});
  jute::Write(jute::MultiHeader{-1, true, -1}, &body);
  server.SendBare(client, OpCode::kMulti, 5, body);
  // Pipelined behind it: must not see the first operation.
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/z/child", "", kOpenAcl, 0}, 6);
  server.FinishWrites();

  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(5, 6));
  EXPECT_EQ(frames[0].error(), Error::kOk);
  jute::InputArchive in(frames[0].body);
  std::vector<int32_t> errors;
  for (int i = 0; i < 3; ++i) {
    jute::MultiHeader header;
    jute::ErrorResponse error;
    ASSERT_TRUE(jute::Read(in, &header) && jute::Read(in, &error));
    EXPECT_EQ(header.type, -1);
    EXPECT_EQ(header.err, error.err);
    errors.push_back(error.err);
  }
  EXPECT_THAT(errors, ElementsAre(0, -101, -2));
  EXPECT_EQ(frames[1].error(), Error::kNoNode);
}

// Kafka's migration: one path deleted and created again in one transaction.
TEST(ReplicaTest, MultiDeletesAndRecreatesOnePath) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Create(client, "/c", "old", /*flags=*/1);
  std::string body;
  jute::Write(jute::MultiHeader{2, false, -1}, &body);
  jute::Write(jute::DeleteRequest{"/c", 0}, &body);
  jute::Write(jute::MultiHeader{1, false, -1}, &body);
  jute::Write(jute::CreateRequest{"/c", "new", kOpenAcl, 0}, &body);
  jute::Write(jute::MultiHeader{-1, true, -1}, &body);
  server.SendBare(client, OpCode::kMulti, 5, body);
  server.FinishWrites();
  server.Take(client);
  const Frame reply = server.Get(client, "/c");
  const auto data = reply.As<jute::GetDataResponse>();
  EXPECT_EQ(data.data, "new");
  EXPECT_EQ(data.stat.ephemeralOwner, 0);
}

TEST(ReplicaTest, EventComesBeforeTheReplyOfTheWriter) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Create(client, "/a");
  server.Get(client, "/a", /*watch=*/true);
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/a", "2", -1}, 9);
  server.FinishWrites();
  EXPECT_THAT(Xids(server.Take(client)), ElementsAre(-1, 9));
}

TEST(ReplicaTest, EventIsFilteredByAcl) {
  ReplicaHarness server;
  const ConnectionId owner = server.Connect();
  const ConnectionId other = server.Connect();
  server.Send(other, OpCode::kExists, jute::ExistsRequest{"/secret", true});
  server.Take(other);
  server.Send(owner, OpCode::kAuth, jute::AuthPacket{0, "digest", "u:p"});
  const std::vector<jute::ACL> mine = {{31, {"auth", ""}}};
  EXPECT_EQ(server
                .Call(owner, OpCode::kCreate,
                      jute::CreateRequest{"/secret", "", mine, 0})
                .error(),
            Error::kOk);
  EXPECT_THAT(server.Take(other), IsEmpty());
}

TEST(ReplicaTest, AuthCountsForLaterRequestsOnly) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const std::vector<jute::ACL> mine = {{31, {"auth", ""}}};
  server.Send(client, OpCode::kCreate, jute::CreateRequest{"/a", "", mine, 0},
              1);
  server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "digest", "u:p"}, 2);
  server.Send(client, OpCode::kCreate, jute::CreateRequest{"/a", "", mine, 0},
              3);
  server.FinishWrites();
  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(1, 2, 3));
  EXPECT_EQ(frames[0].error(), Error::kInvalidAcl);
  EXPECT_EQ(frames[2].error(), Error::kOk);
}

TEST(ReplicaTest, UnknownAuthSchemeIsAnsweredThenClosed) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "nonsense", "x"}, -4);
  const auto frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].error(), Error::kAuthFailed);
  EXPECT_EQ(frames[0].header.zxid, 0);
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ReplicaTest, UnknownOperationIsAnsweredInTurnThenClosed) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "", kOpenAcl, 0}, 1);
  server.SendBare(client, OpCode::kCheck, 2);
  EXPECT_FALSE(server.IsClosed(client));
  server.FinishWrites();
  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(1, 2));
  EXPECT_EQ(frames[1].error(), Error::kUnimplemented);
  EXPECT_EQ(frames[1].header.zxid, -1);
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ReplicaTest, ShortBodyIsAnErrorAndKeepsTheConnection) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.SendBare(client, OpCode::kGetData, 1, "abc");
  EXPECT_EQ(server.Take(client).at(0).error(), Error::kMarshallingError);
  server.SendBare(client, OpCode::kSetData, 2, "abc");
  server.FinishWrites();
  EXPECT_EQ(server.Take(client).at(0).error(), Error::kMarshallingError);
  EXPECT_FALSE(server.IsClosed(client));
}

TEST(ReplicaTest, CloseSessionRemovesEphemeralsInOneTransaction) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const ConnectionId other = server.Connect();
  server.Create(client, "/e1", "", 1);
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/e2", "", kOpenAcl, 1}, 1);
  server.SendBare(client, OpCode::kCloseSession, 2);
  // Too late: the session is closing.
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/e3", "", kOpenAcl, 1}, 3);
  server.FinishWrites();
  EXPECT_THAT(Xids(server.Take(client)), ElementsAre(1, 2));
  EXPECT_TRUE(server.IsClosed(client));
  for (const char* path : {"/e1", "/e2", "/e3"}) {
    EXPECT_EQ(
        server.Call(other, OpCode::kExists, jute::ExistsRequest{path, false})
            .error(),
        Error::kNoNode);
  }
}

// A log record, and a frame between members, must not grow with what a session
// owns: no member reads one of more than 2 MB.
TEST(ReplicaTest, CloseOfASessionThatOwnsMuchIsASmallTransaction) {
  ReplicaHarness server;
  const ConnectionId owner = server.Connect();
  const ConnectionId other = server.Connect();
  for (int i = 0; i < 3; ++i) {
    server.Create(owner, fmt::format("/{}{}", std::string(500000, 'e'), i), "",
                  /*flags=*/1);
  }
  const size_t size_before = server.log().size();
  server.SendBare(owner, OpCode::kCloseSession);
  server.FinishWrites();
  ASSERT_EQ(server.log().size(), size_before + 1);
  EXPECT_LT(server.log().back().bytes.size(), 1000u);
  const auto frame = server.Call(other, OpCode::kGetChildren,
                                 jute::GetChildrenRequest{"/", false});
  EXPECT_THAT(frame.As<jute::GetChildrenResponse>().children,
              ElementsAre("zookeeper"));
  server.Restart();  // Replays it
  const ConnectionId later = server.Connect();
  EXPECT_EQ(server.Get(later, "/zookeeper").error(), Error::kOk);
}

TEST(ReplicaTest, SoftQuotaIsOnlyToldToTheOperator) {
  Options options;
  options.enforce_quota = true;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  for (const char* path : {"/q", "/zookeeper/quota/q"}) {
    server.Create(client, path);
  }
  server.Create(client, "/zookeeper/quota/q/zookeeper_limits",
                "count=1,bytes=-1");
  server.Create(client, "/zookeeper/quota/q/zookeeper_stats",
                "count=0,bytes=0");
  EXPECT_THAT(server.TakeNotices(), IsEmpty());
  EXPECT_EQ(server.Create(client, "/q/a").error(), Error::kOk);
  EXPECT_THAT(
      server.TakeNotices(),
      ElementsAre("the soft quota of /q is exceeded by a write to /q/a: "
                  "1 znodes and 0 bytes are used"));
}

TEST(ReplicaTest, SilentSessionExpiresAfterItsTimeoutAndNotBefore) {
  Options options;
  options.tick_time = absl::Milliseconds(1000);
  options.min_session_timeout = absl::Milliseconds(2000);
  ReplicaHarness server(options);
  const ConnectionId silent = server.Connect(2000);
  const ConnectionId other = server.Connect(60000);
  server.Create(silent, "/e", "", 1);
  server.Advance(absl::Milliseconds(1990));
  const auto exists = [&] {
    return server.Call(other, OpCode::kExists, jute::ExistsRequest{"/e", false})
        .error();
  };
  EXPECT_EQ(exists(), Error::kOk);
  server.Advance(absl::Milliseconds(1020));
  EXPECT_EQ(exists(), Error::kNoNode);
  EXPECT_TRUE(server.IsClosed(silent));
}

TEST(ReplicaTest, RestartKeepsSessionsAndStartsTheirClocksAfresh) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect(10000);
  const int64_t session = server.session(client);
  server.Create(client, "/e", "", 1);
  server.Advance(absl::Seconds(8));
  server.Restart();
  server.Advance(absl::Seconds(8));
  const ConnectionId again = server.OpenConnection();
  const auto password = SessionPassword(SessionId{session});
  server.SendConnect(again, {.timeOut = 10000,
                             .sessionId = session,
                             .passwd = {password.data(), password.size()}});
  EXPECT_EQ(server.TakeConnectResponse(again).sessionId, session);
  EXPECT_EQ(server.Get(again, "/e").error(), Error::kOk);
}

// A checkpoint that was taken while writes went on, and the log after it, are
// the same state as the whole log.
TEST(ReplicaTest, RestartsFromACheckpointAndTheLogAfterIt) {
  Options options;
  options.checkpoints = true;
  ReplicaHarness server(options);
  const ConnectionId gone = server.Connect();
  const ConnectionId client = server.Connect();
  server.Create(client, "/a", "1");
  server.Create(client, "/e", "", /*flags=*/1);
  server.Call(gone, OpCode::kCloseSession, jute::SyncRequest{});
  server.BeginCheckpoint();
  server.Set(client, "/a", "2");
  const ConnectionId late = server.Connect();
  server.Create(late, "/late", "", /*flags=*/1);
  server.FinishCheckpoint();
  server.Set(client, "/a", "3");
  server.Delete(client, "/e");
  const uint64_t digest = server.digest();

  for (int i = 0; i < 2; ++i) {
    const auto sessions = {server.session(client), server.session(late)};
    server.RestartFromCheckpoint();
    EXPECT_EQ(server.digest(), digest);
    for (const int64_t session : sessions) {
      const ConnectionId again = server.OpenConnection();
      const auto password = SessionPassword(SessionId{session});
      server.SendConnect(again, {.timeOut = 10000,
                                 .sessionId = session,
                                 .passwd = {password.data(), password.size()}});
      EXPECT_EQ(server.TakeConnectResponse(again).sessionId, session);
      EXPECT_EQ(server.Get(again, "/a").As<jute::GetDataResponse>().data, "3");
      EXPECT_EQ(server.Get(again, "/e").error(), Error::kNoNode);
    }
    // The second one is a difference to the first.
    server.BeginCheckpoint();
    server.FinishCheckpoint();
  }
}

TEST(ReplicaTest, RenewalMovesTheSessionAndClosesTheOldConnection) {
  ReplicaHarness server;
  const ConnectionId first = server.Connect();
  const int64_t session = server.session(first);
  const auto password = SessionPassword(SessionId{session});
  const ConnectionId second = server.OpenConnection();
  server.SendConnect(second, {.timeOut = 8000,
                              .sessionId = session,
                              .passwd = {password.data(), password.size()}});
  const auto response = server.TakeConnectResponse(second);
  EXPECT_EQ(response.sessionId, session);
  EXPECT_EQ(response.timeOut, 8000);
  EXPECT_TRUE(server.IsClosed(first));
}

TEST(ReplicaTest, WrongPasswordIsRefused) {
  ReplicaHarness server;
  const ConnectionId first = server.Connect();
  const ConnectionId second = server.OpenConnection();
  server.SendConnect(second, {.timeOut = 8000,
                              .sessionId = server.session(first),
                              .passwd = "0123456789abcdef"});
  const auto response = server.TakeConnectResponse(second);
  EXPECT_EQ(response.sessionId, 0);
  EXPECT_EQ(response.timeOut, 0);
  EXPECT_EQ(response.passwd, std::string(16, '\0'));
  EXPECT_TRUE(server.IsClosed(second));
}

TEST(ReplicaTest, ClientAheadIsClosedWithoutAnswer) {
  ReplicaHarness server;
  const ConnectionId client = server.OpenConnection();
  server.SendConnect(client, {.lastZxidSeen = 100, .timeOut = 8000});
  EXPECT_THAT(server.Take(client), IsEmpty());
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ReplicaTest, SetWatchesDeliversWhatWasMissedBeforeItsReply) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const Frame created = server.Create(client, "/a");
  server.Set(client, "/a", "2");
  jute::SetWatches watches;
  watches.relativeZxid = created.header.zxid;
  watches.dataWatches = {"/a", "/gone"};
  watches.existWatches = {"/later"};
  server.Send(client, OpCode::kSetWatches, watches, -8);
  const auto frames = server.Take(client);
  ASSERT_THAT(Xids(frames), ElementsAre(-1, -1, -8));
  EXPECT_EQ(frames[0].As<jute::WatcherEvent>().type, 3);
  EXPECT_EQ(frames[0].header.zxid, -1);
  EXPECT_EQ(frames[1].As<jute::WatcherEvent>().type, 2);
  server.Create(client, "/later");
}

TEST(ReplicaTest, EmptyContainerIsSweptOnceItHadAChild) {
  Options options;
  options.container_check_interval = absl::Seconds(1);
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect(40000);
  for (const char* path : {"/used", "/unused"}) {
    server.Call(client, OpCode::kCreateContainer,
                jute::CreateRequest{path, "", kOpenAcl, 4});
  }
  server.Create(client, "/used/child");
  server.Advance(absl::Seconds(3));
  EXPECT_EQ(server.Get(client, "/used").error(), Error::kOk);
  server.Delete(client, "/used/child");
  server.Advance(absl::Seconds(3));
  EXPECT_EQ(server.Get(client, "/used").error(), Error::kNoNode);
  EXPECT_EQ(server.Get(client, "/unused").error(), Error::kOk);
}

// As in ZooKeeper: whoever uses it may be on the way back.
TEST(ReplicaTest, EmptyContainerIsNotSweptAtTheStart) {
  Options options;
  options.container_check_interval = absl::Seconds(10);
  ReplicaHarness server(options);
  server.Advance(absl::Seconds(1));
  ConnectionId client = server.Connect(40000);
  server.Call(client, OpCode::kCreateContainer,
              jute::CreateRequest{"/used", "", kOpenAcl, 4});
  server.Create(client, "/used/child");
  server.Delete(client, "/used/child");
  server.Restart();
  client = server.Connect(40000);
  server.Advance(absl::Seconds(9));
  EXPECT_EQ(server.Get(client, "/used").error(), Error::kOk);
  server.Advance(absl::Seconds(2));
  EXPECT_EQ(server.Get(client, "/used").error(), Error::kNoNode);
}

// The sweeper takes its time, and what it found may be another znode by then.
TEST(ReplicaTest, SweeperSparesWhatCameInThePlaceOfAContainer) {
  Options options;
  options.container_check_interval = absl::Seconds(1);
  options.container_deletions_per_minute = 6;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect(40000);
  for (const char* path : {"/a", "/b", "/c"}) {
    server.Call(client, OpCode::kCreateContainer,
                jute::CreateRequest{path, "", kOpenAcl, 4});
    server.Create(client, std::string(path) + "/child");
    server.Delete(client, std::string(path) + "/child");
  }
  server.Advance(absl::Seconds(2));
  EXPECT_EQ(server.Get(client, "/a").error(), Error::kNoNode);
  server.Delete(client, "/b");
  server.Create(client, "/b");
  server.Delete(client, "/c");
  server.Call(client, OpCode::kCreateContainer,
              jute::CreateRequest{"/c", "", kOpenAcl, 4});
  server.Advance(absl::Seconds(30));
  EXPECT_EQ(server.Get(client, "/b").error(), Error::kOk);
  EXPECT_EQ(server.Get(client, "/c").error(), Error::kOk);
}

TEST(ReplicaTest, TtlNodeIsSweptWhenItsDataIsOld) {
  Options options;
  options.tree.extended_types = true;
  options.container_check_interval = absl::Seconds(1);
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect(40000);
  server.Call(client, OpCode::kCreateTtl,
              jute::CreateTTLRequest{"/t", "", kOpenAcl, 5, 5000});
  server.Advance(absl::Seconds(4));
  EXPECT_EQ(server.Set(client, "/t", "renewed").error(), Error::kOk);
  server.Advance(absl::Seconds(4));
  EXPECT_EQ(server.Get(client, "/t").error(), Error::kOk);
  server.Advance(absl::Seconds(4));
  EXPECT_EQ(server.Get(client, "/t").error(), Error::kNoNode);
}

TEST(ReplicaTest, FourLetterWordOutsideTheWhitelistSaysSo) {
  ReplicaHarness server;
  const ConnectionId asking = server.OpenConnection();
  EXPECT_EQ(server.replica().FourLetterWord(asking, "ruok", "", {}),
            "ruok is not executed because it is not in the whitelist.\n");
  const std::string answer =
      server.replica().FourLetterWord(asking, "srvr", "", {.version = "v"});
  EXPECT_THAT(answer, testing::HasSubstr("Mode: standalone\n"));
  EXPECT_THAT(answer, testing::HasSubstr("Received: 2\nSent: 1\n"));
  EXPECT_THAT(answer, testing::HasSubstr("Node count: 5\n"));
}

TEST(ReplicaTest, IdentitiesOfAConnectionAreBounded) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const std::string half = std::string(33 << 10, 'u') + ":p";
  const std::string other = "o" + half;
  for (int i = 0; i < 3; ++i) {  // Known ones cost nothing
    server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "digest", half});
    EXPECT_EQ(server.Take(client).back().error(), Error::kOk);
  }
  server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "digest", other});
  EXPECT_EQ(server.Take(client).back().error(), Error::kAuthFailed);
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ReplicaTest, AclsGrowATransactionByMegabytesAtMost) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  const std::string user = std::string(50 << 10, 'u') + ":p";
  server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "digest", user});
  const auto create = [&](std::string_view path, int entries) {
    std::vector<jute::ACL> acl;
    for (int i = 0; i < entries; ++i) {
      acl.push_back({31 | i << 5, {"auth", ""}});
    }
    return server
        .Call(client, OpCode::kCreate, jute::CreateRequest{path, "", acl, 0})
        .error();
  };
  EXPECT_EQ(create("/a", 40), Error::kOk);
  EXPECT_EQ(create("/b", 41), Error::kInvalidAcl);
  EXPECT_EQ(create("/b", 40), Error::kOk);  // Each transaction by itself
}

TEST(ReplicaTest, EveryFourLetterWordAnswers) {
  Options options;
  options.four_letter_words = {"*"};
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  server.Create(client, "/e", "", 1);
  server.Get(client, "/e", /*watch=*/true);
  for (const char* word :
       {"cons", "crst", "dirs", "dump", "envi", "gtmk", "isro", "mntr", "ruok",
        "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs"}) {
    const ConnectionId asking = server.OpenConnection("0:0:0:0:0:0:0:1");
    const std::string answer =
        server.replica().FourLetterWord(asking, word, "", {});
    EXPECT_NE(answer, "") << word;
    EXPECT_THAT(answer, testing::Not(testing::HasSubstr("whitelist")));
  }
  const std::string dump =
      server.replica().FourLetterWord(client, "dump", "", {});
  EXPECT_THAT(dump, testing::HasSubstr("\t/e\n"));
  EXPECT_THAT(dump, testing::HasSubstr("sessionId: 0x0\n"));
}

TEST(SessionsTest, PasswordsAreThoseOfTheJavaServer) {
  const auto hex = [](uint64_t id) {
    std::string text;
    for (const char c : SessionPassword(SessionId{static_cast<int64_t>(id)})) {
      text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    return text;
  };
  EXPECT_EQ(hex(0x1), "054cc74a37327db215e702e20c73f005");
  EXPECT_EQ(hex(0x1000a1b2c3d0000), "99540115b2ac339b9f3f41ba4b39270b");
  EXPECT_EQ(hex(0x100000000000000), "f22acd4a97e69d6d20a49bb638eadb38");
  EXPECT_EQ(hex(0xffffffffffffffff), "20f62cb5648dc2d771471c8a2486a9ee");
}

}  // namespace
}  // namespace paddock::replica

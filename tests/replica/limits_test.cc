// Requests that were held back for too long, and what mntr counts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "replica/replica.h"
#include "replica/replica_harness.h"

namespace paddock::replica {
namespace {

using jute::OpCode;
using testing::IsEmpty;
using testing::SizeIs;

Options AllWords() {
  Options options;
  options.four_letter_words = {"*"};
  return options;
}

// --- throttled_op_wait_time ---

Options Throttled() {
  Options options = AllWords();
  options.throttled_op_wait_time = absl::Milliseconds(100);
  return options;
}

TEST(ThrottledOpTest, IsNotCarriedOut) {
  ReplicaHarness server(Throttled());
  const ConnectionId client = server.Connect();
  server.waited = absl::Milliseconds(100);
  EXPECT_EQ(server.Create(client, "/a").error(), Error::kOk);
  server.waited = absl::Milliseconds(101);
  const Frame reply = server.Set(client, "/a", "x");
  EXPECT_EQ(reply.error(), Error::kThrottledOp);
  EXPECT_EQ(reply.header.zxid, 2);  // The last one processed: no new one
  server.waited = absl::ZeroDuration();
  const Frame get = server.Get(client, "/a");
  EXPECT_EQ(get.As<jute::GetDataResponse>().stat.version, 0);
  EXPECT_EQ(get.header.zxid, 2);
  EXPECT_EQ(server.Mntr("throttled_ops"), "1");
}

TEST(ThrottledOpTest, IsAnsweredInItsPlace) {
  ReplicaHarness server(Throttled());
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/a", "", kOpenAcl, 0}, 1);
  server.waited = absl::Seconds(1);
  server.Send(client, OpCode::kGetData, jute::GetDataRequest{"/a", true}, 2);
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/b", "", kOpenAcl, 0}, 3);
  server.waited = absl::ZeroDuration();
  server.Send(client, OpCode::kGetData, jute::GetDataRequest{"/b", false}, 4);
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.FinishWrites();
  const std::vector<Frame> frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(4));
  const std::vector<Error> errors = {Error::kOk, Error::kThrottledOp,
                                     Error::kThrottledOp, Error::kNoNode};
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].header.xid, static_cast<int32_t>(i) + 1);
    EXPECT_EQ(frames[i].error(), errors[i]);
    EXPECT_EQ(frames[i].header.zxid, 2);
  }
  // A watch of a throttled read is not set.
  EXPECT_EQ(server.Mntr("watch_count"), "0");
}

TEST(ThrottledOpTest, PingAuthAndCloseAreExempt) {
  ReplicaHarness server(Throttled());
  const ConnectionId client = server.Connect();
  server.waited = absl::Hours(1);
  server.SendBare(client, OpCode::kPing, jute::kPingXid);
  server.Send(client, OpCode::kAuth, jute::AuthPacket{0, "ip", ""}, -4);
  server.SendBare(client, OpCode::kCloseSession, 1);
  server.FinishWrites();
  const std::vector<Frame> frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(3));
  for (const Frame& frame : frames) {
    EXPECT_EQ(frame.error(), Error::kOk);
  }
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ThrottledOpTest, UnknownOperationIsStillUnknown) {
  ReplicaHarness server(Throttled());
  const ConnectionId client = server.Connect();
  server.waited = absl::Hours(1);
  server.SendBare(client, OpCode::kError);  // Has no place in any table
  const std::vector<Frame> frames = server.Take(client);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].error(), Error::kUnimplemented);
  EXPECT_TRUE(server.IsClosed(client));
}

TEST(ThrottledOpTest, KeepsTheSessionAlive) {
  ReplicaHarness server(Throttled());
  const ConnectionId client = server.Connect(6000);
  server.Advance(absl::Seconds(5));
  server.waited = absl::Seconds(1);
  EXPECT_EQ(server.Get(client, "/").error(), Error::kThrottledOp);
  server.Advance(absl::Seconds(5));
  EXPECT_FALSE(server.IsClosed(client));
}

// By default there is no such age.
TEST(ThrottledOpTest, IsOffByDefault) {
  ReplicaHarness server;
  const ConnectionId client = server.Connect();
  server.waited = absl::Hours(1);
  EXPECT_EQ(server.Get(client, "/").error(), Error::kOk);
}

// --- request_stale_latency_check ---

TEST(StaleRequestTest, ClosesItsConnection) {
  Options options = AllWords();
  options.stale_latency_check = true;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect(10000);
  server.waited = absl::Milliseconds(10000);
  EXPECT_FALSE(server.replica().IsDropped(client, server.waited));
  EXPECT_EQ(server.Create(client, "/a").error(), Error::kOk);
  server.waited = absl::Milliseconds(10001);
  EXPECT_TRUE(server.replica().IsDropped(client, server.waited));
  server.Send(client, OpCode::kCreate,
              jute::CreateRequest{"/b", "", kOpenAcl, 0});
  EXPECT_TRUE(server.IsClosed(client));
  EXPECT_THAT(server.Take(client), IsEmpty());
  server.waited = absl::ZeroDuration();
  const ConnectionId other = server.Connect();
  EXPECT_EQ(server.Get(other, "/b").error(), Error::kNoNode);
  EXPECT_EQ(server.Mntr("stale_requests_dropped"), "1");
  EXPECT_EQ(server.Mntr("stale_requests"), "0");
}

TEST(StaleRequestTest, EndOfASessionIsNeverStale) {
  Options options = AllWords();
  options.stale_latency_check = true;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  server.waited = absl::Hours(1);
  server.SendBare(client, OpCode::kCloseSession);
  server.FinishWrites();
  EXPECT_THAT(server.Take(client), SizeIs(1));
}

TEST(StaleRequestTest, MayBeCountedOnly) {
  Options options = AllWords();
  options.stale_latency_check = true;
  options.drop_stale_requests = false;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  server.waited = absl::Hours(1);
  EXPECT_FALSE(server.replica().IsDropped(client, server.waited));
  EXPECT_EQ(server.Get(client, "/").error(), Error::kOk);
  EXPECT_EQ(server.Mntr("stale_requests"), "1");
  EXPECT_EQ(server.Mntr("stale_requests_dropped"), "0");
}

// --- mntr ---

TEST(MetricsTest, LatencyIncludesTheTimeHeldBack) {
  ReplicaHarness server(AllWords());
  const ConnectionId client = server.Connect();
  for (int i = 1; i <= 100; ++i) {
    server.waited = absl::Milliseconds(i);
    server.Get(client, "/");
  }
  EXPECT_EQ(server.Mntr("avg_readlatency"), "50.5");
  EXPECT_EQ(server.Mntr("min_readlatency"), "1");
  EXPECT_EQ(server.Mntr("max_readlatency"), "100");
  EXPECT_EQ(server.Mntr("cnt_readlatency"), "100");
  EXPECT_EQ(server.Mntr("sum_readlatency"), "5050");
  EXPECT_EQ(server.Mntr("p50_readlatency"), "50");
  EXPECT_EQ(server.Mntr("p95_readlatency"), "95");
  EXPECT_EQ(server.Mntr("p99_readlatency"), "99");
  EXPECT_EQ(server.Mntr("p999_readlatency"), "100");
  EXPECT_EQ(server.Mntr("max_latency"), "100");
  EXPECT_EQ(server.Mntr("p50_request_throttle_queue_time_ms"), "50");
}

TEST(MetricsTest, WritesAreMeasuredUntilTheyAreDurable) {
  ReplicaHarness server(AllWords());
  const ConnectionId client = server.Connect();
  for (const int xid : {1, 2, 3}) {
    server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/", "x", -1},
                xid);
  }
  server.Pass(absl::Milliseconds(70));
  server.FinishWrites();
  EXPECT_EQ(server.Mntr("max_updatelatency"), "70");
  EXPECT_EQ(server.Mntr("max_sync_processor_queue_and_flush_time_ms"), "70");
  EXPECT_EQ(server.Mntr("max_sync_processor_batch_size"), "3");
  EXPECT_EQ(server.Mntr("cnt_propagation_latency"), "4");
}

TEST(MetricsTest, WatchersOfAChangeAreCounted) {
  ReplicaHarness server(AllWords());
  const ConnectionId first = server.Connect();
  const ConnectionId second = server.Connect();
  server.Create(first, "/a");
  server.Get(first, "/a", /*watch=*/true);
  server.Get(second, "/a", /*watch=*/true);
  server.Set(first, "/a", "x");
  server.Set(first, "/a", "y");  // Nobody watches any more
  server.Get(first, "/a", /*watch=*/true);
  server.Delete(first, "/a");
  EXPECT_EQ(server.Mntr("cnt_node_changed_watch_count"), "1");
  EXPECT_EQ(server.Mntr("sum_node_changed_watch_count"), "2");
  EXPECT_EQ(server.Mntr("sum_node_deleted_watch_count"), "1");
  EXPECT_EQ(server.Mntr("cnt_node_created_watch_count"), "0");
}

TEST(MetricsTest, QuotasAreSummedUpByNamespace) {
  Options options = AllWords();
  options.enforce_quota = true;
  ReplicaHarness server(options);
  const ConnectionId client = server.Connect();
  for (const char* path :
       {"/a", "/a/b", "/zookeeper/quota/a", "/zookeeper/quota/a/b"}) {
    ASSERT_EQ(server.Create(client, path).error(), Error::kOk) << path;
  }
  server.Create(client, "/zookeeper/quota/a/zookeeper_limits",
                "count=7,bytes=-1=;byteHardLimit=100;countHardLimit=-1");
  server.Create(client, "/zookeeper/quota/a/zookeeper_stats",
                "count=2,bytes=0");
  server.Create(client, "/zookeeper/quota/a/b/zookeeper_limits",
                "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=1");
  server.Create(client, "/zookeeper/quota/a/b/zookeeper_stats",
                "count=1,bytes=0");
  EXPECT_EQ(server.Mntr("a_quota_count_limit_per_namespace"), "8");
  EXPECT_EQ(server.Mntr("a_quota_bytes_limit_per_namespace"), "99");
  EXPECT_EQ(server.Create(client, "/a/b/c").error(), Error::kQuotaExceeded);
  EXPECT_EQ(server.Mntr("a_quota_exceeded_error_per_namespace"), "1");
}

TEST(MetricsTest, RequestsOfAClosedConnectionLeaveStaleReplies) {
  ReplicaHarness server(AllWords());
  const ConnectionId client = server.Connect();
  server.Send(client, OpCode::kSetData, jute::SetDataRequest{"/", "x", -1});
  server.replica().Step(Disconnected{client});
  server.FinishWrites();
  EXPECT_EQ(server.Mntr("stale_replies"), "1");
}

TEST(MetricsTest, BytesAreCountedAsZooKeeperDoes) {
  ReplicaHarness server(AllWords());
  const ConnectionId client = server.Connect();
  const ConnectionId watcher = server.Connect();
  server.replica().FourLetterWord(watcher, "srst", "", {});
  server.SendBare(client, OpCode::kPing, jute::kPingXid);
  EXPECT_EQ(server.Mntr("bytes_received_count"), "16");  // 4 + 8, and "mntr"
  EXPECT_EQ(server.Mntr("response_bytes"), "16");
  server.Get(watcher, "/", /*watch=*/true);
  server.Set(client, "/", "x");
  EXPECT_EQ(server.Mntr("watch_bytes"), "29");  // 16 + 4 + 4 + 4 + "/"
}

TEST(MetricsTest, ResetForgetsAllButAuthFailures) {
  ReplicaHarness server(AllWords());
  const ConnectionId client = server.Connect();
  const ConnectionId refused = server.Connect();
  server.Send(refused, OpCode::kAuth, jute::AuthPacket{0, "none", ""}, -4);
  server.waited = absl::Milliseconds(30);
  server.Get(client, "/");
  server.replica().FourLetterWord(client, "srst", "", {});
  EXPECT_EQ(server.Mntr("cnt_readlatency"), "0");
  EXPECT_EQ(server.Mntr("p999_readlatency"), "0");
  EXPECT_EQ(server.Mntr("max_latency"), "0");
  EXPECT_EQ(server.Mntr("auth_failed_count"), "1");
}

}  // namespace
}  // namespace paddock::replica

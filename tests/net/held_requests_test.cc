// Requests that must wait, pings that must not, and clients that do not read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/client_port_harness.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

using testing::Each;
using testing::SizeIs;

constexpr int kGetData = 4;

// Connects, and blocks all requests of the connection.
void ConnectBlocked(ClientPortHarness& port, TestClient& client) {
  const size_t before = port.frames.size();
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(before + 1));
  port.blocked.insert(port.last);
}

std::vector<std::string> PayloadsAfter(const ClientPortHarness& port,
                                       size_t first) {
  std::vector<std::string> payloads;
  for (size_t i = first; i < port.frames.size(); ++i) {
    payloads.push_back(port.frames[i].second);
  }
  return payloads;
}

TEST(HeldRequestsTest, HandshakeIsNeverHeld) {
  ClientPortHarness port;
  port.blocked = {ConnectionId{1}};
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()));
  EXPECT_TRUE(port.RunUntilFrames(1));
}

TEST(HeldRequestsTest, PingsOvertakeAndAreHandedOnOnce) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  const std::string get = Request(1, kGetData, "a");
  const std::string second = Request(2, kGetData, "b");
  client.Send(Frame(get) + Frame(Ping()) + Frame(second) + Frame(Ping()));
  ASSERT_TRUE(port.RunUntilFrames(3));
  EXPECT_THAT(PayloadsAfter(port, 1), Each(Ping()));
  client.Send(Frame(Ping()));
  ASSERT_TRUE(port.RunUntilFrames(4));
  EXPECT_THAT(PayloadsAfter(port, 1), Each(Ping()));

  port.blocked.clear();
  ASSERT_TRUE(port.RunUntilFrames(6));
  client.Send(Frame(Ping()));  // Behind everything: nothing came twice
  ASSERT_TRUE(port.RunUntilFrames(7));
  EXPECT_THAT(PayloadsAfter(port, 4),
              testing::ElementsAre(get, second, Ping()));
}

TEST(HeldRequestsTest, PingThatArrivesInPiecesIsHandedOnOnce) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  client.Send(Frame(Request(1, kGetData)));
  for (const char byte : Frame(Ping())) {
    const int64_t before = port.connections->stats().bytes_received;
    client.Send({&byte, 1});
    ASSERT_TRUE(port.RunUntil(
        [&] { return port.connections->stats().bytes_received > before; }));
  }
  ASSERT_TRUE(port.RunUntilFrames(2));
  EXPECT_THAT(PayloadsAfter(port, 1), Each(Ping()));
}

TEST(HeldRequestsTest, SessionsOfHeldConnectionsAreKeptAlive) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  client.Send(Frame(Request(1, kGetData)));
  ASSERT_TRUE(port.RunUntil([&] { return !port.held.empty(); }));
  port.held.clear();
  port.RunBatch();
  EXPECT_TRUE(port.held.empty());
  EXPECT_LE(port.connections->NextDeadline(), port.now + absl::Seconds(1));
  port.now += absl::Seconds(1);
  port.RunBatch();
  EXPECT_TRUE(port.held.contains(port.last));
}

// --- How long requests waited ---

TEST(WaitingTimeTest, IsZeroForWhatPassesAtOnce) {
  ClientPortHarness port;
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()) + Frame(Request(1, kGetData)));
  ASSERT_TRUE(port.RunUntilFrames(2));
  EXPECT_THAT(port.waits, Each(absl::ZeroDuration()));
  EXPECT_EQ(port.connections->stats().waits, 0);
}

TEST(WaitingTimeTest, IsThatOfEachRequest) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  const std::string second = Frame(Request(3, kGetData, "c"));
  client.Send(Frame(Request(1, kGetData)) + Frame(Request(2, kGetData)) +
              second.substr(0, 5));
  ASSERT_TRUE(
      port.RunUntil([&] { return port.connections->held_count() > 0; }));
  port.now += absl::Seconds(3);
  // Its age is that of its last byte.  The ping shows that it has arrived.
  client.Send(second.substr(5) + Frame(Ping()));
  ASSERT_TRUE(port.RunUntilFrames(2));
  port.now += absl::Seconds(2);
  port.blocked.clear();
  ASSERT_TRUE(port.RunUntilFrames(5));
  EXPECT_THAT(port.waits,
              testing::ElementsAre(absl::ZeroDuration(), absl::ZeroDuration(),
                                   absl::Seconds(5), absl::Seconds(5),
                                   absl::Seconds(2)));
  EXPECT_EQ(port.connections->stats().waits, 1);
}

// While a connection is held for its outstanding requests, a server that does
// not read on could not know of the next.
TEST(WaitingTimeTest, DoesNotCountWhileARequestIsAsGoodAsUnread) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  port.unread = port.blocked;
  client.Send(Frame(Request(1, kGetData)));
  ASSERT_TRUE(
      port.RunUntil([&] { return port.connections->held_count() > 0; }));
  port.now += absl::Seconds(3);
  port.RunBatch();
  port.unread.clear();
  port.RunBatch();  // Now it is read, and waits
  port.now += absl::Seconds(2);
  port.blocked.clear();
  ASSERT_TRUE(port.RunUntilFrames(2));
  EXPECT_EQ(port.waits[1], absl::Seconds(2));
}

TEST(WaitingTimeTest, PingsDoNotWait) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  client.Send(Frame(Request(1, kGetData)));
  ASSERT_TRUE(
      port.RunUntil([&] { return port.connections->held_count() > 0; }));
  port.now += absl::Seconds(3);
  client.Send(Frame(Ping()));
  ASSERT_TRUE(port.RunUntilFrames(2));
  EXPECT_EQ(port.frames[1].second, Ping());
  EXPECT_EQ(port.waits[1], absl::ZeroDuration());
}

// However many pieces it arrives in, a request is never taken for older than
// it is.
TEST(WaitingTimeTest, NeverCountsTooMuch) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  std::vector<absl::Duration> sent;
  for (int i = 0; i < 400; ++i) {
    const std::string request = Frame(Request(i, kGetData));
    const int64_t all = port.connections->stats().bytes_received +
                        static_cast<int64_t>(request.size());
    client.Send(request);
    sent.push_back(port.now);
    ASSERT_TRUE(port.RunUntil(
        [&] { return port.connections->stats().bytes_received == all; }));
    port.now += absl::Milliseconds(7);
  }
  port.now += absl::Seconds(1);
  port.blocked.clear();
  ASSERT_TRUE(port.RunUntilFrames(401));
  for (size_t i = 0; i < 200; ++i) {
    const absl::Duration waited = port.now - sent[i];
    EXPECT_LE(port.waits[i + 1], waited);
    EXPECT_GE(port.waits[i + 1], waited - absl::Milliseconds(10));
  }
  for (size_t i = 200; i < 400; ++i) {
    EXPECT_LE(port.waits[i + 1], port.now - sent[i]);
    EXPECT_GE(port.waits[i + 1], absl::Seconds(1));
  }
}

TEST(ClientStatsTest, CountsClientsThatCloseAndForgetsOnReset) {
  ClientPortHarness port;
  {
    TestClient client(port.port());
    client.Send(Frame(ConnectPayload()));
    ASSERT_TRUE(port.RunUntilFrames(1));
  }
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 0; }));
  EXPECT_EQ(port.connections->stats().dropped_by_client, 1);
  EXPECT_EQ(port.connections->stats().token_deficit.count, 1);
  port.connections->ResetStats();
  EXPECT_EQ(port.connections->stats().dropped_by_client, 0);
}

// A held client may send a bounded amount; after that its socket is full.
TEST(HeldRequestsTest, InputOfAHeldConnectionIsBounded) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  const std::string request =
      Frame(Request(1, kGetData, std::string(1000, 'x')));
  size_t sent = 0;
  int64_t received = -1;
  // Until two batches in a row neither send nor receive anything.
  ASSERT_TRUE(port.RunUntil([&] {
    size_t now_sent = 0;
    for (size_t count = 1; count > 0 && now_sent < (1 << 20);) {
      // Goes on in the middle of a request where the last call stopped.
      count = client.Send(
          std::string_view(request).substr((sent + now_sent) % request.size()));
      now_sent += count;
    }
    sent += now_sent;
    const int64_t before =
        std::exchange(received, port.connections->stats().bytes_received);
    return now_sent == 0 && before == received;
  }));
  EXPECT_LE(received, 0xfffff + 4 + (64 << 10) + 49);
  EXPECT_GE(received, 0xfffff);
  EXPECT_GT(sent, static_cast<size_t>(received));

  // All of it is handled once the pressure is gone.
  port.blocked.clear();
  const size_t requests = sent / request.size();
  EXPECT_TRUE(port.RunUntilFrames(1 + requests));
}

TEST(HeldRequestsTest, HeldConnectionsTakeTurns) {
  ClientPortHarness port;
  TestClient first(port.port());
  ConnectBlocked(port, first);
  const ConnectionId first_id = port.last;
  TestClient second(port.port());
  ConnectBlocked(port, second);
  std::string requests;
  for (int i = 1; i <= 500; ++i) {
    requests += Frame(Request(i, kGetData));
  }
  const int64_t before = port.connections->stats().bytes_received;
  ASSERT_EQ(first.Send(requests), requests.size());
  ASSERT_EQ(second.Send(requests), requests.size());
  ASSERT_TRUE(port.RunUntil([&] {
    return port.connections->stats().bytes_received ==
           before + 2 * static_cast<int64_t>(requests.size());
  }));
  port.frames.clear();
  port.blocked.clear();
  ASSERT_TRUE(port.RunUntilFrames(1000));
  // After any number of requests, neither is more than a turn ahead.
  int ahead = 0;
  for (size_t i = 0; i < 1000; ++i) {
    ahead += port.frames[i].first == first_id ? 1 : -1;
    EXPECT_LE(std::abs(ahead), 64);
  }
}

TEST(HeldRequestsTest, EndOfInputWaitsForHeldRequests) {
  ClientPortHarness port;
  TestClient client(port.port());
  ConnectBlocked(port, client);
  client.Send(Frame(Request(1, kGetData)) + Frame(Request(2, -11)));
  client.Close();
  ASSERT_TRUE(port.RunUntil([&] { return !port.held.empty(); }));
  for (int i = 0; i < 5; ++i) {
    port.RunBatch();
  }
  EXPECT_THAT(port.frames, SizeIs(1));
  EXPECT_TRUE(port.disconnected.empty());
  port.blocked.clear();
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->AllClosed(); }));
  EXPECT_THAT(port.frames, SizeIs(3));
}

// Answers of 100 KB each to a client that takes none of them.
class SlowReaderTest : public testing::Test {
 protected:
  static constexpr size_t kAnswerBytes = 100 << 10;

  static ClientOptions SmallBounds() {
    ClientOptions options;
    options.unsent_bytes_soft = 1 << 20;
    options.unsent_bytes_total_soft = 4 << 20;
    options.unsent_bytes_hard = 4 << 20;
    options.unsent_bytes_total_hard = 16 << 20;
    return options;
  }

  // Asks for `count` answers.
  static std::string Requests(int count) {
    std::string requests;
    for (int i = 1; i <= count; ++i) {
      requests += Frame(Request(i, kGetData));
    }
    return requests;
  }

  static std::string Answer(std::string_view frame) {
    return Frame(IsPing(frame) ? std::string(16, 'p')
                               : std::string(kAnswerBytes, 'x'));
  }
};

TEST_F(SlowReaderTest, WaitsInsteadOfFillingMemory) {
  ClientPortHarness port(SmallBounds());
  port.answer = Answer;
  TestClient slow(port.port(), /*receive_bytes=*/4096);
  slow.Send(Frame(ConnectPayload()) + Requests(200));
  ASSERT_TRUE(
      port.RunUntil([&] { return port.connections->held_count() == 1; }));
  EXPECT_LE(port.connections->totals().unsent_bytes,
            (1 << 20) + kAnswerBytes + 4);

  // Another client is served meanwhile, and pings of this one are handed on.
  TestClient other(port.port());
  port.clients = {&other};
  other.Send(Frame(ConnectPayload()) + Requests(20));
  ASSERT_TRUE(port.RunUntil(
      [&] { return other.received().size() >= 20 * kAnswerBytes; }));
  const auto pings = [&] {
    return std::count_if(port.frames.begin(), port.frames.end(),
                         [](const auto& f) { return IsPing(f.second); });
  };
  slow.Send(Frame(Ping()));
  ASSERT_TRUE(port.RunUntil([&] { return pings() == 1; }));

  // It gets everything, in order, once it reads.
  port.clients = {&slow};
  EXPECT_TRUE(port.RunUntil(
      [&] { return slow.received().size() == 201 * (kAnswerBytes + 4) + 20; }));
  EXPECT_FALSE(slow.closed());
  EXPECT_EQ(port.connections->totals().unsent_bytes, 0u);
}

// Such a client may be dead: we must not keep its session alive for it.
TEST_F(SlowReaderTest, IsReportedAsHeldOnlyWhileItReads) {
  ClientPortHarness port(SmallBounds());
  port.answer = Answer;
  TestClient slow(port.port(), /*receive_bytes=*/4096);
  slow.Send(Frame(ConnectPayload()) + Requests(200));
  ASSERT_TRUE(port.RunUntil([&] { return !port.held.empty(); }));
  port.now += absl::Seconds(2);  // What it had taken is long ago
  port.held.clear();
  port.RunBatch();
  EXPECT_TRUE(port.held.empty());

  port.clients = {&slow};
  EXPECT_TRUE(port.RunUntil([&] {
    port.now += absl::Milliseconds(500);
    return !port.held.empty();
  }));
}

TEST_F(SlowReaderTest, OneThatKeepsUpPassesWhileOthersAreBehind) {
  ClientOptions options = SmallBounds();
  options.unsent_bytes_total_soft = 1 << 20;
  ClientPortHarness port(options);
  port.answer = Answer;
  TestClient slow1(port.port(), /*receive_bytes=*/4096);
  slow1.Send(Frame(ConnectPayload()) + Requests(1000));
  TestClient slow2(port.port(), /*receive_bytes=*/4096);
  slow2.Send(Frame(ConnectPayload()) + Requests(1000));
  ASSERT_TRUE(
      port.RunUntil([&] { return port.connections->held_count() == 2; }));
  TestClient other(port.port());
  port.clients = {&other};
  other.Send(Frame(ConnectPayload()) + Requests(20));
  EXPECT_TRUE(port.RunUntil(
      [&] { return other.received().size() >= 20 * kAnswerBytes; }));
  EXPECT_LE(port.connections->totals().unsent_bytes, size_t{3} << 20);
}

// Watch events are not asked for and cannot be held back.
TEST_F(SlowReaderTest, IsClosedAboveTheHardLimit) {
  ClientPortHarness port(SmallBounds());
  TestClient slow(port.port(), /*receive_bytes=*/4096);
  slow.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  size_t most = 0;
  ASSERT_TRUE(port.RunUntil([&] {
    port.connections->Append(port.last, std::string(100 << 10, 'e'), false);
    most = std::max(most, port.connections->totals().unsent_bytes);
    return port.connections->size() == 0;
  }));
  EXPECT_LE(most, (4 << 20) + (100 << 10));
  EXPECT_EQ(port.connections->stats().slow_readers_closed, 1);
  EXPECT_EQ(port.connections->totals().unsent_bytes, 0u);
}

TEST_F(SlowReaderTest, TotalHardLimitClosesOneThatIsBehind) {
  ClientOptions options = SmallBounds();
  options.unsent_bytes_hard = 100 << 20;
  ClientPortHarness port(options);
  TestClient slow(port.port(), /*receive_bytes=*/4096);
  slow.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  const ConnectionId slow_id = port.last;
  TestClient other(port.port());
  other.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(2));
  const ConnectionId other_id = port.last;
  port.clients = {&other};
  ASSERT_TRUE(port.RunUntil([&] {
    port.connections->Append(slow_id, std::string(1 << 20, 'e'), false);
    port.connections->Append(other_id, "event", false);
    return port.disconnected.contains(slow_id);
  }));
  EXPECT_FALSE(port.disconnected.contains(other_id));
}

}  // namespace
}  // namespace paddock::net

// The client port over real sockets of this machine: connections, frames,
// limits and the ways in which a connection ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "net/client_port_harness.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

TEST(ClientPortTest, HandsOnFramesInOrder) {
  ClientPortHarness port;
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()) + Frame("first request") + Frame("2nd"));
  ASSERT_TRUE(port.RunUntilFrames(3));
  EXPECT_THAT(port.frames, ElementsAre(Pair(port.last, ConnectPayload()),
                                       Pair(port.last, "first request"),
                                       Pair(port.last, "2nd")));
  EXPECT_THAT(port.addresses, ElementsAre("127.0.0.1"));
  EXPECT_THAT(port.ports, ElementsAre(client.port()));
}

TEST(ClientPortTest, TellsAheadWhichFramesWaitTogether) {
  ClientPortHarness port;
  TestClient client(port.port());
  std::vector<std::string> sent = {ConnectPayload()};
  std::string bytes = Frame(sent[0]);
  for (int i = 1; i < 40; ++i) {
    bytes += Frame(sent.emplace_back(Request(i, 4, std::to_string(i))));
  }
  client.Send(bytes + Frame("part").substr(0, 5));
  ASSERT_TRUE(port.RunUntilFrames(sent.size()));
  EXPECT_EQ(port.ahead, sent);

  port.ahead.clear();
  client.Send("art" + Frame("alone"));
  ASSERT_TRUE(port.RunUntilFrames(sent.size() + 2));
  client.Send(Frame("alone"));
  ASSERT_TRUE(port.RunUntilFrames(sent.size() + 3));
  EXPECT_THAT(port.ahead, ElementsAre("part", "alone"));
}

TEST(ClientPortTest, TakesBytesOneAtATime) {
  ClientPortHarness port;
  TestClient client(port.port());
  const std::string bytes = Frame(ConnectPayload()) + Frame("") + Frame("abc");
  for (const char byte : bytes) {
    const int64_t before = port.connections->stats().bytes_received;
    client.Send({&byte, 1});
    ASSERT_TRUE(port.RunUntil(
        [&] { return port.connections->stats().bytes_received > before; }));
  }
  EXPECT_THAT(port.frames,
              ElementsAre(Pair(port.last, ConnectPayload()),
                          Pair(port.last, ""), Pair(port.last, "abc")));
}

TEST(ClientPortTest, LargestFrameIsAcceptedAndMemoryReturned) {
  ClientPortHarness port;
  TestClient client(port.port());
  const std::string frame =
      Frame(ConnectPayload()) + Frame(std::string(0xfffff, 'x'));
  size_t sent = 0;
  ASSERT_TRUE(port.RunUntil([&] {
    sent += client.Send(std::string_view(frame).substr(sent));
    return port.frames.size() == 2;
  }));
  EXPECT_EQ(port.frames[1].second, std::string(0xfffff, 'x'));
  client.Send(Frame("after"));
  ASSERT_TRUE(port.RunUntilFrames(3));
  EXPECT_LE(port.connections->totals().input_bytes, InputBuffer::kBytesLarge);
}

TEST(ClientPortTest, LyingLengthClosesWithoutReply) {
  for (const char* length : {"\x00\x10\x00\x00", "\xff\xff\xff\xff",
                             "\x7f\xff\xff\xff", "\x80\x00\x00\x00"}) {
    ClientPortHarness port;
    TestClient client(port.port());
    port.clients = {&client};
    client.Send(Frame(ConnectPayload()) + std::string(length, 4) + "bytes");
    ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
    EXPECT_EQ(client.received(), "");
    EXPECT_THAT(port.frames, SizeIs(1));
    EXPECT_TRUE(port.disconnected.contains(port.last));
    EXPECT_EQ(port.connections->size(), 0u);
  }
}

// A length alone must not make us allocate.
TEST(ClientPortTest, PromisedBytesTakeNoMemory) {
  ClientPortHarness port;
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()) + std::string("\x00\x0f\xff\xff", 4) +
              "only this");
  ASSERT_TRUE(port.RunUntilFrames(1));
  EXPECT_EQ(port.connections->totals().input_bytes, 0u);
}

TEST(ClientPortTest, SendsOutput) {
  ClientPortHarness port;
  port.answer = [](std::string_view) { return Frame("reply"); };
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()) + Frame("a"));
  ASSERT_TRUE(port.RunUntil([&] { return client.received().size() == 18; }));
  EXPECT_EQ(client.TakeFrame(), "reply");
  EXPECT_EQ(client.TakeFrame(), "reply");
}

// Output for thousands goes out a few at a time, and what comes meanwhile goes
// first.
TEST(ClientPortTest, OutputForManyLetsOthersPass) {
  constexpr size_t kClients = 1500;
  ClientPortHarness port({.connections_per_address_max = 0});
  std::deque<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) {
    port.clients.push_back(&clients.emplace_back(port.port()));
    if (i % 100 == 0) {
      ASSERT_TRUE(port.RunUntil([&] { return port.addresses.size() > i; }));
    }
  }
  ASSERT_TRUE(port.RunUntil([&] { return port.addresses.size() == kClients; }));
  const auto reached = [&] {
    return std::count_if(clients.begin(), clients.end(), [](TestClient& c) {
      c.Receive();
      return !c.received().empty();
    });
  };
  for (size_t i = 1; i < kClients; ++i) {
    port.connections->Append(ConnectionId{i}, "event", false);
  }
  port.connections->Flush();
  EXPECT_GT(reached(), 0);
  EXPECT_LT(reached(), 500);
  port.connections->Append(ConnectionId{kClients}, "reply", false);
  port.connections->Flush();
  EXPECT_LT(reached(), 500);
  const auto is_answered = [](TestClient& c) {
    return c.received() == "reply";
  };
  EXPECT_EQ(std::count_if(clients.begin(), clients.end(), is_answered), 1);
  while (port.connections->Flush()) {
  }
  EXPECT_TRUE(port.RunUntil([&] { return reached() == kClients; }));
}

// However little time is left, some that are gone are closed in each batch.
TEST(ClientPortTest, ClosesSomeThatAreGoneThoughTimeIsUp) {
  constexpr size_t kClients = 20;
  ClientPortHarness port;
  std::deque<TestClient> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.emplace_back(port.port());
  }
  ASSERT_TRUE(port.RunUntil([&] { return port.addresses.size() == kClients; }));
  port.is_time_up = true;
  clients.clear();
  ASSERT_TRUE(port.RunUntil([&] { return !port.disconnected.empty(); }));
  EXPECT_LT(port.disconnected.size(), kClients);
  EXPECT_TRUE(
      port.RunUntil([&] { return port.disconnected.size() == kClients; }));
}

TEST(ClientPortTest, OutputForAnUnknownConnectionIsDropped) {
  ClientPortHarness port;
  port.connections->Append(ConnectionId{77}, "bytes", true);
  EXPECT_EQ(port.connections->totals().unsent_bytes, 0u);
}

// Output.close: what was appended arrives whole, although the client had sent
// more that nobody will read.
TEST(ClientPortTest, ClosesAfterFlushing) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  const std::string answer(8 << 20, 'x');
  client.Send(Frame("unread"));
  port.connections->Append(port.last, answer, true);
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_FALSE(client.reset());
  EXPECT_EQ(client.received().size(), answer.size());
  EXPECT_TRUE(port.disconnected.contains(port.last));
  client.Close();
  EXPECT_TRUE(port.RunUntil([&] { return port.connections->AllClosed(); }));
}

TEST(ClientPortTest, ClosingDoesNotWaitForeverForTheClient) {
  ClientPortHarness port;
  TestClient client(port.port(), /*receive_bytes=*/4096);
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  port.connections->Append(port.last, std::string(16 << 20, 'x'), true);
  port.RunBatch();
  EXPECT_FALSE(port.connections->AllClosed());
  ASSERT_TRUE(port.RunUntil([&] {
    port.now += absl::Seconds(1);
    return port.connections->AllClosed();
  }));
  EXPECT_EQ(port.connections->totals().unsent_bytes, 0u);
}

// --- Four-letter words ---

TEST(ClientPortTest, AnswersFourLetterWordAndCloses) {
  for (const char* sent : {"ruok", "ruok\n", "ruok and more"}) {
    ClientPortHarness port;
    TestClient client(port.port());
    port.clients = {&client};
    client.Send(sent);
    ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
    EXPECT_FALSE(client.reset());
    EXPECT_EQ(client.received(), "imok");
    EXPECT_TRUE(port.frames.empty());
  }
}

TEST(ClientPortTest, AnswersFourLetterWordOfHalfClosedClient) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send("ruok");
  client.FinishSending();
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.received(), "imok");
  EXPECT_TRUE(port.RunUntil([&] { return port.connections->AllClosed(); }));
}

TEST(ClientPortTest, WaitsForTheArgumentOfSetTraceMask) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send("stmk1234");
  ASSERT_TRUE(port.RunUntil(
      [&] { return port.connections->stats().bytes_received == 8; }));
  EXPECT_EQ(port.words_answered, 0);
  client.Send("5678");
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.received(), "12345678");
}

TEST(ClientPortTest, UnknownWordIsALengthThatIsTooLarge) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send("abcd");
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.received(), "");
}

TEST(ClientPortTest, WordIsNoneAfterTheHandshake) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()) + "ruok");
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(port.words_answered, 0);
}

// --- Limits ---

TEST(ClientPortTest, ResetsConnectionsAboveTheLimitOfAnAddress) {
  ClientPortHarness port({.connections_per_address_max = 2});
  TestClient first(port.port());
  TestClient second(port.port());
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 2; }));
  TestClient third(port.port());
  port.clients = {&first, &second, &third};
  ASSERT_TRUE(port.RunUntil([&] { return third.closed(); }));
  EXPECT_TRUE(third.reset());
  EXPECT_FALSE(first.closed());
  EXPECT_EQ(port.connections->stats().rejected, 1);

  first.Close();
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 1; }));
  TestClient fourth(port.port());
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 2; }));
}

TEST(ClientPortTest, ResetsConnectionsAboveTheTotalLimit) {
  ClientPortHarness port(
      {.connections_per_address_max = 0, .connections_max = 1});
  TestClient first(port.port());
  TestClient second(port.port());
  port.clients = {&second};
  ASSERT_TRUE(port.RunUntil([&] { return second.closed(); }));
  EXPECT_TRUE(second.reset());
  EXPECT_EQ(port.connections->size(), 1u);
}

TEST(ClientPortTest, ThrottleClosesInsteadOfSettingUpASession) {
  ClientPortHarness port({.throttle = {.tokens_max = 1}});
  TestClient first(port.port());
  first.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  TestClient second(port.port());
  port.clients = {&second};
  second.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntil([&] { return second.closed(); }));
  EXPECT_THAT(port.frames, SizeIs(1));
  EXPECT_EQ(port.connections->stats().throttled, 1);
}

TEST(ClientPortTest, LargeRequestsShareABound) {
  ClientPortHarness port(
      {.large_request_threshold = 1000, .large_request_bytes_max = 5000});
  TestClient patient(port.port());
  TestClient refused(port.port());
  port.clients = {&refused};
  // Of this one so much is promised that no other large one may come.
  patient.Send(Frame(ConnectPayload()) +
               Frame(std::string(4000, 'x')).substr(0, 100));
  ASSERT_TRUE(port.RunUntil(
      [&] { return port.connections->totals().large_request_bytes == 4000; }));
  refused.Send(Frame(ConnectPayload()) +
               Frame(std::string(2000, 'y')).substr(0, 100));
  ASSERT_TRUE(port.RunUntil([&] { return refused.closed(); }));
  EXPECT_EQ(port.connections->stats().large_requests_rejected, 1);

  patient.Send(Frame(std::string(4000, 'x')).substr(100));
  ASSERT_TRUE(port.RunUntil(
      [&] { return port.connections->totals().large_request_bytes == 0; }));
}

TEST(ClientPortTest, InputMemoryOfAllIsBounded) {
  ClientPortHarness port({.input_bytes_total_max = 256 << 10});
  TestClient first(port.port());
  TestClient second(port.port());
  TestClient third(port.port());
  port.clients = {&first, &second, &third};
  const std::string most = Frame(ConnectPayload()) +
                           Frame(std::string(500000, 'x')).substr(0, 400000);
  for (TestClient* client : port.clients) {
    size_t sent = 0;
    ASSERT_TRUE(port.RunUntil([&] {
      sent += client->Send(std::string_view(most).substr(sent));
      return sent == most.size() || client->closed();
    }));
  }
  // There is room for one of them.
  const auto is_closed = [](const TestClient* c) { return c->closed(); };
  ASSERT_TRUE(port.RunUntil([&] {
    return std::count_if(port.clients.begin(), port.clients.end(), is_closed) ==
           2;
  }));
  EXPECT_LE(port.connections->totals().input_bytes, size_t{1} << 20);
}

TEST(ClientPortTest, ClosesIdleConnectionsWithoutSession) {
  ClientPortHarness port({.sessionless_timeout = absl::Seconds(10)});
  TestClient silent(port.port());
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 1; }));
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  port.with_session.insert(port.last);
  port.clients = {&silent, &client};

  port.now += absl::Seconds(9);
  port.RunBatch();
  EXPECT_EQ(port.connections->size(), 2u);
  port.now += absl::Seconds(11);
  ASSERT_TRUE(port.RunUntil([&] { return silent.closed(); }));
  EXPECT_FALSE(client.closed());
  EXPECT_EQ(port.connections->stats().sessionless_expired, 1);
}

TEST(ClientPortTest, AnyInputRearmsTheIdleTimeout) {
  ClientPortHarness port({.sessionless_timeout = absl::Seconds(10)});
  TestClient client(port.port());
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->size() == 1; }));
  for (int i = 1; i <= 3; ++i) {  // Not yet a frame
    port.now += absl::Seconds(9);
    client.Send({"\0", 1});
    ASSERT_TRUE(port.RunUntil(
        [&] { return port.connections->stats().bytes_received == i; }));
    EXPECT_EQ(port.connections->size(), 1u);
  }
}

// --- Clients that close ---

TEST(ClientPortTest, HandlesAllFramesBeforeTheEndOfInput) {
  ClientPortHarness port;
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()) + Frame("a") + Frame("close"));
  client.Close();
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->AllClosed(); }));
  EXPECT_THAT(port.frames, SizeIs(3));
  EXPECT_TRUE(port.disconnected.contains(port.last));
}

TEST(ClientPortTest, HalfClosedClientGetsTheAnswerThatIsStillToCome) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  port.busy.insert(port.last);
  client.Send(Frame("write"));
  client.FinishSending();
  ASSERT_TRUE(port.RunUntilFrames(2));
  for (int i = 0; i < 3; ++i) {
    port.RunBatch();
  }
  EXPECT_EQ(port.connections->size(), 1u);

  port.connections->Append(port.last, Frame("done"), false);
  port.busy.clear();
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(client.TakeFrame(), "done");
  EXPECT_EQ(port.connections->size(), 0u);
}

TEST(ClientPortTest, HalfClosedClientIsClosedOnceIdle) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()));
  client.FinishSending();
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_EQ(port.connections->size(), 0u);
}

TEST(ClientPortTest, ResetByTheClientIsNoHarm) {
  ClientPortHarness port;
  TestClient client(port.port());
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  port.connections->Append(port.last, std::string(16 << 20, 'x'), false);
  port.RunBatch();
  client.ResetOnClose();
  client.Close();
  ASSERT_TRUE(port.RunUntil([&] { return port.connections->AllClosed(); }));
  EXPECT_TRUE(port.disconnected.contains(port.last));
  EXPECT_EQ(port.connections->totals().unsent_bytes, 0u);
}

TEST(ClientPortTest, CloseAllFlushes) {
  ClientPortHarness port;
  TestClient client(port.port());
  port.clients = {&client};
  client.Send(Frame(ConnectPayload()));
  ASSERT_TRUE(port.RunUntilFrames(1));
  port.connections->Append(port.last, Frame("last words"), false);
  port.connections->CloseAll();
  ASSERT_TRUE(port.RunUntil([&] { return client.closed(); }));
  EXPECT_FALSE(client.reset());
  EXPECT_EQ(client.TakeFrame(), "last words");
  EXPECT_EQ(port.connections->size(), 0u);
}

// --- The port ---

TEST(ClientPortTest, PortInUseIsNamed) {
  ClientPortHarness port;
  EventLoop loop;
  ClientOptions options;
  options.address = "127.0.0.1";
  options.port = port.port();
  const auto second =
      ClientListener::Bind(options, &loop, &port, port.connections.get());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr("127.0.0.1:" + std::to_string(port.port())));
}

TEST(ClientPortTest, UnknownAddressIsAnError) {
  ClientPortHarness port;
  EventLoop loop;
  ClientOptions options;
  options.address = "192.0.2.1";  // Reserved: nobody's
  options.port = 0;
  EXPECT_EQ(ClientListener::Bind(options, &loop, &port, port.connections.get())
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

// A client that finds the process without a descriptor is turned away instead
// of hanging, and the port works again once there are some.
TEST(ClientPortTest, TurnsClientsAwayWhenDescriptorsRunOut) {
  ClientPortHarness port;
  TestClient first(port.port());
  TestClient second(port.port());
  port.clients = {&first, &second};
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);  // The lowest descriptor that is free
  ASSERT_GE(next, 0);
  close(next);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const bool turned_away = port.RunUntil([&] {
    port.now += absl::Milliseconds(100);
    return first.closed() && second.closed();
  });
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(turned_away);
  EXPECT_EQ(port.connections->size(), 0u);

  TestClient third(port.port());
  EXPECT_TRUE(port.RunUntil([&] {
    port.now += absl::Milliseconds(100);
    return port.connections->size() == 1;
  }));
}

// Bound but not open: a client is refused at once instead of waiting.
TEST(ClientPortTest, RefusesClientsBeforeListen) {
  ClientPortHarness port;
  EventLoop loop;
  ClientOptions options;
  options.address = "127.0.0.1";
  options.port = 0;
  auto bound =
      ClientListener::Bind(options, &loop, &port, port.connections.get());
  ASSERT_TRUE(bound.ok());
  EXPECT_EQ(TestClient((*bound)->port()).connect_error(), ECONNREFUSED);
  ASSERT_TRUE((*bound)->Listen().ok());
  EXPECT_EQ(TestClient((*bound)->port()).connect_error(), 0);
  (*bound)->Close();
  EXPECT_EQ(TestClient((*bound)->port()).connect_error(), ECONNREFUSED);
}

TEST(ClientPortTest, ListensOnBothFamilies) {
  ClientPortHarness port({.address = "any"});
  TestClient v4(port.port());
  ASSERT_TRUE(port.RunUntil([&] { return port.addresses.size() == 1; }));
  EXPECT_EQ(port.addresses[0], "127.0.0.1");
  TestClient v6(port.port(), 0, AF_INET6);
  if (v6.connect_error() != 0) {
    return;  // This machine has no IPv6: one family is all
  }
  ASSERT_TRUE(port.RunUntil([&] { return port.addresses.size() == 2; }));
  EXPECT_EQ(port.addresses[1], "0:0:0:0:0:0:0:1");
}

}  // namespace
}  // namespace paddock::net

// A whole server: sockets, replica and log together.

#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "server/server_harness.h"

namespace paddock::server {
namespace {

using net::Frame;
using net::Ping;
using net::Request;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int32_t kNoNode = -101;

TEST(ServerTest, SetsUpASessionAndAnswers) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  WaitingClient client(server.port());
  EXPECT_NE(client.Connect(), 0);
  client.Send(Frame(CreateRequest(1, "/a", "value")) +
              Frame(GetDataRequest(2, "/a")) +
              Frame(GetDataRequest(3, "/none")));
  const Reply created = ParseReply(client.AwaitFrame());
  EXPECT_EQ(created.xid, 1);
  EXPECT_EQ(created.error, 0);
  EXPECT_EQ(created.body, Text("/a"));
  const Reply got = ParseReply(client.AwaitFrame());
  EXPECT_EQ(got.xid, 2);
  EXPECT_EQ(got.zxid, created.zxid);
  EXPECT_THAT(got.body, StartsWith(Text("value")));
  EXPECT_EQ(ParseReply(client.AwaitFrame()).error, kNoNode);
  client.Send(Frame(Ping()));
  EXPECT_EQ(ParseReply(client.AwaitFrame()).xid, -2);
}

// Connect request, requests and close in one segment, and the client is gone:
// all of it counts.
TEST(ServerTest, ClientThatClosesAtOnceStillHasItsSessionClosed) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  WaitingClient watcher(server.port());
  watcher.Connect();
  {
    WaitingClient client(server.port());
    client.Send(Frame(net::ConnectPayload()) +
                Frame(CreateRequest(1, "/ephemeral", "", /*flags=*/1)) +
                Frame(CreateRequest(2, "/persistent", "")) +
                Frame(Request(3, -11)));
  }
  // A watch on either node, whichever exists by now.
  int32_t xid = 0;
  Reply reply;
  do {
    watcher.Send(Frame(GetDataRequest(++xid, "/persistent")));
    reply = ParseReply(watcher.AwaitFrame());
  } while (reply.error == kNoNode);
  EXPECT_EQ(reply.error, 0);
  do {
    watcher.Send(Frame(GetDataRequest(++xid, "/ephemeral")));
    reply = ParseReply(watcher.AwaitFrame());
  } while (reply.error == 0);
  EXPECT_EQ(reply.error, kNoNode);
}

TEST(ServerTest, HistorySurvivesACleanStop) {
  TemporaryFolder folder;
  int64_t zxid = 0;
  {
    RunningServer server(TestOptions(folder));
    WaitingClient client(server.port());
    client.Connect();
    client.Send(Frame(CreateRequest(1, "/a", "kept")));
    zxid = ParseReply(client.AwaitFrame()).zxid;
    EXPECT_EQ(server.Stop(), ExitCode::kOk);
  }
  RunningServer server(TestOptions(folder));
  WaitingClient client(server.port());
  client.Connect();
  client.Send(Frame(GetDataRequest(1, "/a")));
  const Reply reply = ParseReply(client.AwaitFrame());
  EXPECT_EQ(reply.error, 0);
  EXPECT_GT(reply.zxid, zxid);
  EXPECT_THAT(reply.body, StartsWith(Text("kept")));
}

TEST(ServerTest, ManyPipelinedRequestsOfManyClientsAreAnsweredInOrder) {
  constexpr int kClients = 16;
  constexpr int kRequests = 300;
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  std::vector<std::unique_ptr<WaitingClient>> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.push_back(std::make_unique<WaitingClient>(server.port()));
    clients.back()->Connect();
    std::string requests =
        Frame(CreateRequest(1, "/c" + std::to_string(c), "0"));
    for (int i = 2; i <= kRequests; ++i) {
      const std::string path = "/c" + std::to_string(c);
      requests += Frame(i % 2 == 0 ? SetDataRequest(i, path, std::to_string(i))
                                   : GetDataRequest(i, path));
    }
    clients.back()->Send(requests);
  }
  for (const auto& client : clients) {
    int64_t zxid = 0;
    for (int i = 1; i <= kRequests; ++i) {
      const Reply reply = ParseReply(client->AwaitFrame());
      ASSERT_EQ(reply.xid, i);
      ASSERT_EQ(reply.error, 0);
      ASSERT_GE(reply.zxid, zxid);
      zxid = reply.zxid;
      if (i > 1 && i % 2 == 1) {
        ASSERT_THAT(reply.body, StartsWith(Text(std::to_string(i - 1))));
      }
    }
  }
}

// With room for one request in progress, everything still completes.
TEST(ServerTest, OutstandingLimitOnlyDelays) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  options.outstanding_max = 1;
  RunningServer server(options);
  WaitingClient client(server.port());
  client.Connect();
  std::string requests = Frame(CreateRequest(1, "/a", ""));
  for (int i = 2; i <= 100; ++i) {
    requests += Frame(SetDataRequest(i, "/a", "x")) + Frame(Ping());
  }
  client.Send(requests);
  int pings = 0;
  for (int next = 1; next <= 100 || pings < 99;) {
    const Reply reply = ParseReply(client.AwaitFrame());
    if (reply.xid == -2) {
      ++pings;
    } else {
      ASSERT_EQ(reply.xid, next++);
    }
  }
}

TEST(ServerTest, RequestThrottleOnlyDelays) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  options.requests_max = 1;
  RunningServer server(options);
  WaitingClient first(server.port());
  WaitingClient second(server.port());
  first.Connect();
  second.Connect();
  for (int i = 1; i <= 20; ++i) {
    const std::string path = "/n" + std::to_string(i);
    first.Send(Frame(CreateRequest(i, path, "")));
    second.Send(Frame(SetDataRequest(i, "/", "x")));
  }
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(ParseReply(first.AwaitFrame()).xid, i);
    EXPECT_EQ(ParseReply(second.AwaitFrame()).xid, i);
  }
}

TEST(ServerTest, SessionOfASilentClientExpires) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  options.replica.tick_time = absl::Milliseconds(50);
  options.replica.min_session_timeout = absl::Milliseconds(100);
  RunningServer server(options);
  WaitingClient client(server.port());
  client.Connect(0, /*timeout_ms=*/100);
  EXPECT_EQ(client.AwaitClose(), "");
  EXPECT_FALSE(client.reset());
}

// --- Four-letter words ---

std::string FourLetterWord(const RunningServer& server, const char* word) {
  WaitingClient client(server.port());
  client.Send(word);
  return client.AwaitClose();
}

TEST(ServerTest, AnswersFourLetterWords) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  EXPECT_EQ(FourLetterWord(server, "ruok"), "imok");
  const std::string srvr = FourLetterWord(server, "srvr");
  EXPECT_THAT(srvr, StartsWith("Zookeeper version: 3.9.5-paddock-0.1.0, "
                               "built on 20"));
  EXPECT_THAT(srvr, HasSubstr(" UTC\nLatency min/avg/max: "));
  EXPECT_THAT(srvr, HasSubstr("\nMode: standalone\n"));
  const std::string conf = FourLetterWord(server, "conf");
  EXPECT_THAT(conf, StartsWith("clientPort=" + std::to_string(server.port()) +
                               "\nsecureClientPort=-1\ndataDir=" +
                               folder.path() + "/version-2\ndataDirSize="));
  EXPECT_THAT(conf, HasSubstr("\ntickTime=3000\nmaxClientCnxns=60\n"
                              "minSessionTimeout=6000\n"
                              "maxSessionTimeout=60000\n"
                              "clientPortListenBacklog=-1\nserverId=0\n"));
  const std::string envi = FourLetterWord(server, "envi");
  EXPECT_THAT(envi, StartsWith("Environment:\nzookeeper.version=3.9.5-"));
  EXPECT_THAT(envi, HasSubstr("\nuser.dir="));
  const std::string mntr = FourLetterWord(server, "mntr");
  EXPECT_THAT(mntr, HasSubstr("\nzk_open_file_descriptor_count\t"));
  EXPECT_THAT(mntr, HasSubstr("\nzk_cnt_fsynctime\t"));
  EXPECT_THAT(mntr, HasSubstr("\nzk_connection_rejected\t0\n"));
}

// --- Stopping and failing ---

TEST(ServerTest, StopAnswersWhatIsInProgress) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  WaitingClient client(server.port());
  client.Connect();
  std::string requests;
  for (int i = 1; i <= 100; ++i) {
    requests += Frame(CreateRequest(i, "/n" + std::to_string(i), ""));
  }
  client.Send(requests);
  client.WaitUntil([&] { return client.received().size() >= 20; });
  EXPECT_EQ(server.Stop(), ExitCode::kOk);
  client.WaitUntil([&] { return client.closed(); });
  EXPECT_FALSE(client.reset());
  // Whole replies, in order, and nothing after them.
  for (int i = 1; !client.received().empty(); ++i) {
    EXPECT_EQ(ParseReply(client.TakeFrame()).xid, i);
  }
}

TEST(ServerTest, StopsOnSigterm) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  kill(getpid(), SIGTERM);
  EXPECT_EQ(server.Await(), ExitCode::kOk);
}

TEST(ServerTest, StopDoesNotWaitForAClientThatDoesNotRead) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  options.stop_timeout = absl::Milliseconds(200);
  RunningServer server(options);
  WaitingClient client(server.port(), /*receive_bytes=*/4096);
  client.Connect();
  std::string requests =
      Frame(CreateRequest(1, "/a", std::string(1000000, 'x')));
  for (int i = 2; i <= 100; ++i) {
    requests += Frame(GetDataRequest(i, "/a"));
  }
  size_t sent = 0;
  while (sent < requests.size()) {
    sent += client.Send(std::string_view(requests).substr(sent));
  }
  client.WaitUntil([&] { return client.received().size() >= 1000000; });
  EXPECT_EQ(server.Stop(), ExitCode::kOk);
}

TEST(ServerTest, PortCanBeUsedAgainAtOnce) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  uint16_t port;
  {
    RunningServer server(options);
    port = server.port();
    WaitingClient client(port);
    client.Connect();
  }
  options.clients.port = port;
  RunningServer server(options);
  EXPECT_EQ(FourLetterWord(server, "ruok"), "imok");
}

TEST(ServerTest, PortInUseIsAnExitCode) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  TemporaryFolder other_folder;
  ServerOptions options = TestOptions(other_folder);
  options.clients.port = server.port();
  EXPECT_EQ(Server(options).Start(), ExitCode::kPortInUse);
}

TEST(ServerTest, LockedFolderIsAnExitCode) {
  TemporaryFolder folder;
  RunningServer server(TestOptions(folder));
  EXPECT_EQ(Server(TestOptions(folder)).Start(), ExitCode::kDataFolderBusy);
}

TEST(ServerTest, MissingFolderIsAnExitCode) {
  TemporaryFolder folder;
  ServerOptions options = TestOptions(folder);
  options.storage.data_dir = folder.path() + "/none";
  options.storage.data_log_dir = options.storage.data_dir;
  options.storage.create_dirs = false;
  EXPECT_EQ(Server(options).Start(), ExitCode::kDataFolder);
}

// Damage in front of transactions that were promised is not cut off.
TEST(ServerTest, DamagedLogIsAnExitCode) {
  TemporaryFolder folder;
  {
    RunningServer server(TestOptions(folder));
    WaitingClient client(server.port());
    client.Connect();
    for (int i = 1; i <= 10; ++i) {
      client.Send(Frame(CreateRequest(i, "/n" + std::to_string(i), "")));
      EXPECT_EQ(ParseReply(client.AwaitFrame()).error, 0);
    }
  }
  const std::filesystem::directory_iterator logs(folder.path() + "/version-2");
  const auto log = std::find_if(begin(logs), end(logs), [](const auto& entry) {
    return entry.path().filename().string().starts_with("log.");
  });
  ASSERT_NE(log, end(logs));
  std::fstream file(log->path(),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(300);
  file.write("damage", 6);
  file.close();
  EXPECT_EQ(Server(TestOptions(folder)).Start(), ExitCode::kDamagedLog);
}

}  // namespace
}  // namespace paddock::server

#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace paddock::client {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using jute::OpCode;
using testing::ElementsAre;

constexpr char kPassword[] = "sixteen bytes ok";

// Accepts one connection, keeps the frames that come, and sends what it is
// told to.
class FakeServer {
 public:
  explicit FakeServer(boost::asio::io_context& io)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}),
        socket_(io) {
    acceptor_.async_accept(socket_, [this](const error_code& error) {
      if (!error) {
        Read();
      }
    });
  }

  tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
  const std::vector<std::string>& frames() const { return frames_; }
  bool hung_up() const { return hung_up_; }

  void SendBytes(std::string_view bytes) {
    boost::asio::write(socket_, boost::asio::buffer(bytes));
  }

  void SendFrame(std::string_view payload) {
    std::string frame(4, '\0');
    jute::StoreBigEndian(frame.data(), static_cast<int32_t>(payload.size()));
    SendBytes(frame.append(payload));
  }

  void Accept(int64_t session, absl::Duration timeout) {
    std::string payload;
    jute::Write(jute::ConnectResponse{.timeOut = static_cast<int32_t>(
                                          absl::ToInt64Milliseconds(timeout)),
                                      .sessionId = session,
                                      .passwd = kPassword},
                &payload);
    SendFrame(payload + '\0');
  }

  void Reply(int32_t xid, int64_t zxid, Error error,
             std::string_view body = {}) {
    std::string payload;
    jute::Write(jute::ReplyHeader{xid, zxid, static_cast<int32_t>(error)},
                &payload);
    SendFrame(payload.append(body));
  }

  void HangUp() { socket_.close(); }

 private:
  void Read() {
    socket_.async_read_some(
        boost::asio::buffer(chunk_),
        [this](const error_code& error, size_t size) {
          if (error) {
            hung_up_ = true;
            return;
          }
          input_.append(chunk_, size);
          while (input_.size() >= 4 && input_.size() - 4 >= FrameSize()) {
            frames_.push_back(input_.substr(4, FrameSize()));
            input_.erase(0, 4 + FrameSize());
          }
          Read();
        });
  }

  size_t FrameSize() const {
    return static_cast<size_t>(jute::LoadBigEndian<int32_t>(input_.data()));
  }

  tcp::acceptor acceptor_;
  tcp::socket socket_;
  char chunk_[4096];
  std::string input_;
  std::vector<std::string> frames_;
  bool hung_up_ = false;
};

jute::RequestHeader HeaderOf(const std::string& frame) {
  jute::RequestHeader header;
  EXPECT_TRUE(jute::Read(std::string_view(frame), &header));
  return header;
}

class ClientTest : public testing::Test {
 protected:
  ClientTest()
      : server_(io_),
        client_(
            std::in_place, io_,
            Handlers{
                .on_connected =
                    [this](const Session& session) { session_ = session; },
                .on_event =
                    [this](int64_t, const jute::WatcherEvent& event) {
                      seen_.push_back("event " + std::string(event.path));
                    },
                .on_closed =
                    [this](const absl::Status& status) { closed_ = status; }}) {
  }

  // Runs both sides until `condition` holds.
  template <class Condition>
  void RunUntil(Condition condition) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      io_.restart();
      ASSERT_NE(io_.run_one_until(deadline), 0u) << "nothing more happens";
    }
  }

  void Connect(const Options& options = {}) {
    client_->Connect(server_.endpoint(), options);
    RunUntil([&] { return server_.frames().size() == 1; });
  }

  void ConnectAndAccept(absl::Duration timeout = absl::Seconds(30)) {
    Connect();
    server_.Accept(7, timeout);
    RunUntil([&] { return session_.has_value(); });
  }

  // Sends a sync whose reply is noted in seen_.
  void Sync(const std::string& path) {
    client_->Send(OpCode::kSync, jute::SyncRequest{path},
                  [this](const Reply& reply) {
                    jute::SyncResponse response;
                    seen_.push_back(jute::Read(reply.body, &response)
                                        ? std::string(response.path)
                                        : std::string(ErrorName(reply.error)));
                  });
  }

  static std::string SyncBody(std::string_view path) {
    std::string body;
    jute::Write(jute::SyncResponse{path}, &body);
    return body;
  }

  boost::asio::io_context io_;
  FakeServer server_;
  std::optional<Client> client_;
  std::optional<Session> session_;
  std::optional<absl::Status> closed_;
  std::vector<std::string> seen_;  // Replies and events, as they came
};

TEST_F(ClientTest, AsksForANewSession) {
  Connect({.timeout = absl::Seconds(12)});
  const std::string& frame = server_.frames().front();
  EXPECT_EQ(frame.size(), 45u);  // With the byte readOnly
  jute::ConnectRequest request;
  ASSERT_TRUE(jute::Read(std::string_view(frame), &request));
  EXPECT_EQ(request.timeOut, 12'000);
  EXPECT_EQ(request.sessionId, 0);
  EXPECT_EQ(request.passwd, std::string(16, '\0'));

  server_.Accept(7, absl::Seconds(9));
  RunUntil([&] { return session_.has_value(); });
  EXPECT_EQ(session_->id, 7);
  EXPECT_EQ(session_->password, kPassword);
  EXPECT_EQ(session_->timeout, absl::Seconds(9));
}

TEST_F(ClientTest, ReattachesToASession) {
  Connect({.last_zxid_seen = 55, .session = {.id = 7, .password = kPassword}});
  jute::ConnectRequest request;
  ASSERT_TRUE(jute::Read(std::string_view(server_.frames().front()), &request));
  EXPECT_EQ(request.sessionId, 7);
  EXPECT_EQ(request.passwd, kPassword);
  EXPECT_EQ(request.lastZxidSeen, 55);
}

TEST_F(ClientTest, TellsAnExpiredSession) {
  Connect({.session = {.id = 7, .password = kPassword}});
  server_.Accept(0, absl::ZeroDuration());
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(session_.has_value());
}

TEST_F(ClientTest, TellsARefusedConnection) {
  boost::asio::io_context io;
  const tcp::endpoint nobody = FakeServer(io).endpoint();
  client_->Connect(nobody);
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, SendsRequestsInOrderBehindTheHandshake) {
  Sync("/a");
  client_->Connect(server_.endpoint());
  Sync("/b");
  RunUntil([&] { return server_.frames().size() == 3; });
  EXPECT_EQ(HeaderOf(server_.frames()[1]),
            (jute::RequestHeader{1, static_cast<int32_t>(OpCode::kSync)}));
  EXPECT_EQ(HeaderOf(server_.frames()[2]).xid, 2);
  EXPECT_EQ(client_->outstanding(), 2u);
}

TEST_F(ClientTest, GivesEachRequestItsReply) {
  ConnectAndAccept();
  Sync("/a");
  Sync("/b");
  Sync("/c");
  server_.Reply(1, 10, Error::kOk, SyncBody("/a"));
  server_.Reply(2, 11, Error::kNoNode);
  server_.Reply(3, 11, Error::kOk, SyncBody("/c"));
  RunUntil([&] { return client_->outstanding() == 0; });
  EXPECT_THAT(seen_, ElementsAre("/a", "NONODE", "/c"));
  EXPECT_EQ(client_->last_zxid_seen(), 11);
}

TEST_F(ClientTest, DeliversEventsWhereTheyStandAmongReplies) {
  ConnectAndAccept();
  Sync("/a");
  Sync("/b");
  std::string event;
  jute::Write(jute::WatcherEvent{1, 3, "/w"}, &event);
  server_.Reply(1, 10, Error::kOk, SyncBody("/a"));
  server_.Reply(jute::kWatchEventXid, 11, Error::kOk, event);
  server_.Reply(2, 11, Error::kOk, SyncBody("/b"));
  RunUntil([&] { return seen_.size() == 3; });
  EXPECT_THAT(seen_, ElementsAre("/a", "event /w", "/b"));
}

TEST_F(ClientTest, PutsAReplyTogetherFromPieces) {
  ConnectAndAccept();
  Sync("/a");
  std::string frame(4, '\0');
  jute::Write(jute::ReplyHeader{1, 10, 0}, &frame);
  frame += SyncBody("/a");
  jute::StoreBigEndian(frame.data(), static_cast<int32_t>(frame.size() - 4));
  for (const char& byte : frame) {
    server_.SendBytes({&byte, 1});
    io_.restart();
    io_.poll();
  }
  RunUntil([&] { return seen_.size() == 1; });
  EXPECT_THAT(seen_, ElementsAre("/a"));
}

TEST_F(ClientTest, EndsWhenAReplyIsOutOfOrder) {
  ConnectAndAccept();
  Sync("/a");
  Sync("/b");
  server_.Reply(2, 10, Error::kOk, SyncBody("/b"));
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(ClientTest, EndsOnAFrameOfAnAbsurdLength) {
  ConnectAndAccept();
  server_.SendBytes("\x7f\xff\xff\xff");
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, EndsWhenTheServerHangsUp) {
  ConnectAndAccept();
  Sync("/a");
  server_.HangUp();
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client_->outstanding(), 0u);
  Sync("/b");  // Is dropped
  EXPECT_EQ(client_->outstanding(), 0u);
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(ClientTest, PingsASilentServerAndThenGivesUp) {
  ConnectAndAccept(absl::Milliseconds(300));
  RunUntil([&] { return server_.frames().size() == 2; });
  EXPECT_EQ(HeaderOf(server_.frames()[1]),
            (jute::RequestHeader{jute::kPingXid,
                                 static_cast<int32_t>(OpCode::kPing)}));
  EXPECT_FALSE(closed_.has_value());
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_EQ(closed_->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ClientTest, StaysWhilePingsAreAnswered) {
  ConnectAndAccept(absl::Milliseconds(300));
  for (size_t pings = 1; pings <= 6; ++pings) {
    RunUntil([&] {
      return server_.frames().size() == 1 + pings || closed_.has_value();
    });
    server_.Reply(jute::kPingXid, 10, Error::kOk);
  }
  EXPECT_FALSE(closed_.has_value());
}

TEST_F(ClientTest, CloseEndsTheSessionBehindEarlierRequests) {
  ConnectAndAccept();
  Sync("/a");
  client_->Close();
  RunUntil([&] { return server_.frames().size() == 3; });
  EXPECT_EQ(HeaderOf(server_.frames()[2]).type,
            static_cast<int32_t>(OpCode::kCloseSession));
  server_.Reply(1, 10, Error::kOk, SyncBody("/a"));
  server_.Reply(2, 11, Error::kOk);
  RunUntil([&] { return closed_.has_value(); });
  EXPECT_TRUE(closed_->ok()) << *closed_;
  EXPECT_THAT(seen_, ElementsAre("/a"));
}

TEST_F(ClientTest, DestructionHangsUpAndCallsNothing) {
  ConnectAndAccept();
  Sync("/a");
  client_.reset();
  RunUntil([&] { return server_.hung_up(); });
  EXPECT_FALSE(closed_.has_value());
  EXPECT_THAT(seen_, ElementsAre());
}

}  // namespace
}  // namespace paddock::client

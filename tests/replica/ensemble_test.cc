// Whole servers as members of one ensemble, with a network and disks that do
// what they should, at once.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "replica/replica_harness.h"
#include "tree/snapshot.h"

namespace paddock::replica {
namespace {

using jute::OpCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class EnsembleTest : public testing::Test {
 protected:
  struct Member {
    std::unique_ptr<Replica> replica;
    Options options;
    // Its disk.
    int64_t accepted_epoch = 0;
    int64_t current_epoch = 0;
    zab::Snapshot state;
    std::vector<zab::Txn> log;
    // Its clients.
    std::map<ConnectionId, std::string> received;
    std::map<ConnectionId, bool> closed;
  };

  explicit EnsembleTest(int voters = 3) {
    for (int i = 1; i <= voters; ++i) {
      Member& member = members_[ServerId{i}];
      zab::Config config;
      config.id = ServerId{i};
      for (int j = 1; j <= voters; ++j) {
        config.members.push_back({.id = ServerId{j}});
      }
      config.history_count_min = 10;
      config.history_bytes_max = 100;
      member.options.server_id = config.id;
      member.options.ensemble = config;
      member.options.tick_time = config.tick_time;
      member.options.four_letter_words = {"mntr"};
      Start(config.id);
    }
    RunUntilLeader();
  }

  ~EnsembleTest() override {
    for (const auto& [id, member] : members_) {
      if (member.replica != nullptr) {
        member.replica->CheckInvariants();
      }
    }
  }

  void Start(ServerId id) {
    Member& member = members_[id];
    member.replica = std::make_unique<Replica>(member.options);
    zab::DurableState durable{.log = member.log,
                              .accepted_epoch = member.accepted_epoch,
                              .current_epoch = member.current_epoch};
    if (!member.state.state.empty()) {
      std::string_view rest = member.state.state;
      ASSERT_TRUE(member.replica
                      ->RestoreSnapshot(member.state.zxid,
                                        [&](char* to, size_t size) {
                                          const size_t n =
                                              std::min(size, rest.size());
                                          rest.copy(to, n);
                                          rest.remove_prefix(n);
                                          return absl::StatusOr<size_t>(n);
                                        })
                      .ok());
      durable.state_zxid = member.state.zxid;
      durable.state_is_committed = false;
    }
    member.replica->FinishRestore({now_, wall_ms_}, durable);
    Settle();
  }

  void Kill(ServerId id) {
    members_[id].replica.reset();
    std::erase_if(network_,
                  [&](const Packet& p) { return p.from == id || p.to == id; });
    for (auto& [other, member] : members_) {
      if (member.replica != nullptr) {
        network_.push_back({id, other, std::nullopt});
      }
    }
    Settle();
  }

  // The others hear nothing from it any more, nor it from them.
  void CutOff(ServerId id) {
    cut_off_ = id;
    for (auto& [other, member] : members_) {
      if (other != id) {
        member.replica->Step(zab::LinkLost{id});
        members_[id].replica->Step(zab::LinkLost{other});
      }
    }
    Settle();
  }

  // Likewise, but it does not notice.
  void LeaveAlone(ServerId id) {
    cut_off_ = id;
    for (auto& [other, member] : members_) {
      if (other != id) {
        member.replica->Step(zab::LinkLost{id});
      }
    }
    Settle();
  }

  void Persist(Member& member, std::vector<zab::Write> writes) {
    for (zab::Write& write : writes) {
      if (auto* txn = std::get_if<zab::Txn>(&write.body)) {
        member.log.push_back(std::move(*txn));
      } else if (auto* snapshot = std::get_if<zab::Snapshot>(&write.body)) {
        member.state = std::move(*snapshot);
        member.log.clear();
      } else if (auto* cut = std::get_if<zab::TruncateAfter>(&write.body)) {
        while (!member.log.empty() && member.log.back().zxid > cut->zxid) {
          member.log.pop_back();
        }
      } else if (auto* accepted =
                     std::get_if<zab::SetAcceptedEpoch>(&write.body)) {
        member.accepted_epoch = accepted->epoch;
      } else {
        member.current_epoch = std::get<zab::SetCurrentEpoch>(write.body).epoch;
      }
    }
    member.replica->Step(Persisted{writes.back().id});
  }

  // Until nothing is on its way any more.
  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, member] : members_) {
        if (member.replica == nullptr) {
          continue;
        }
        Ready ready = member.replica->TakeReady();
        for (Output& output : ready.outputs) {
          member.received[output.connection] += output.bytes;
          member.closed[output.connection] |= output.close;
        }
        for (zab::Envelope& envelope : ready.messages) {
          network_.push_back({id, envelope.to, std::move(envelope.message)});
        }
        for (const ServerId to : ready.hang_ups) {
          network_.push_back({id, to, std::nullopt});
        }
        if (!ready.writes.empty()) {
          busy = true;
          Persist(member, std::move(ready.writes));
        }
      }
      if (!network_.empty()) {
        busy = true;
        Packet packet = std::move(network_.front());
        network_.pop_front();
        Deliver(std::move(packet));
      }
    }
  }

  void Advance(absl::Duration duration) {
    const absl::Duration end = now_ + duration;
    while (now_ < end) {
      now_ += absl::Milliseconds(10);
      wall_ms_ += 10;
      for (auto& [id, member] : members_) {
        if (member.replica != nullptr) {
          member.replica->Step(Tick{now_, wall_ms_});
        }
      }
      Settle();
    }
  }

  ServerId RunUntilLeader() {
    for (int i = 0; i < 1000; ++i) {
      for (auto& [id, member] : members_) {
        if (member.replica != nullptr && member.replica->peer().CanPropose() &&
            AllServe()) {
          return id;
        }
      }
      Advance(absl::Milliseconds(10));
    }
    ADD_FAILURE() << "nobody leads";
    return ServerId{0};
  }

  bool AllServe() {
    for (auto& [id, member] : members_) {
      if (member.replica != nullptr && !member.replica->is_serving()) {
        return false;
      }
    }
    return true;
  }

  ServerId AFollower() {
    const ServerId leader = RunUntilLeader();
    for (auto& [id, member] : members_) {
      if (id != leader && member.replica != nullptr) {
        return id;
      }
    }
    return leader;
  }

  ConnectionId Open(ServerId at) {
    const ConnectionId id{++last_connection_};
    members_[at].replica->Step(Connected{id, "127.0.0.1", 1000});
    return id;
  }

  static std::string PasswordOf(int64_t session) {
    const auto password = SessionPassword(SessionId{session});
    return {password.data(), password.size()};
  }

  // Asks for a session, new if 0.
  void SendHandshake(ServerId at, ConnectionId connection, int64_t session,
                     std::string_view password) {
    std::string frame;
    jute::Write(
        jute::ConnectRequest{
            .timeOut = 10000, .sessionId = session, .passwd = password},
        &frame);
    frame.push_back(0);
    members_[at].replica->Step(Received{connection, frame});
  }

  // Sends a handshake and returns the answer; nothing when it was closed.
  std::optional<jute::ConnectResponse> Handshake(
      ServerId at, ConnectionId connection, int64_t session = 0,
      std::string_view password = "0123456789abcdef") {
    SendHandshake(at, connection, session, password);
    Settle();
    raw_ = std::exchange(members_[at].received[connection], {});
    jute::ConnectResponse response;
    if (raw_.size() < 4 ||
        !jute::Read(std::string_view(raw_).substr(4), &response)) {
      return std::nullopt;
    }
    return response;
  }

  // Likewise for a session that there is already.
  std::optional<jute::ConnectResponse> Renew(ServerId at,
                                             ConnectionId connection,
                                             int64_t session) {
    return Handshake(at, connection, session, PasswordOf(session));
  }

  ConnectionId Connect(ServerId at, int64_t* session = nullptr) {
    const ConnectionId connection = Open(at);
    const auto response = Handshake(at, connection);
    EXPECT_TRUE(response.has_value() && response->sessionId != 0);
    if (session != nullptr && response.has_value()) {
      *session = response->sessionId;
    }
    return connection;
  }

  // Connects with a session that there is already.
  ConnectionId Reattach(ServerId at, int64_t session) {
    const ConnectionId connection = Open(at);
    const auto response = Renew(at, connection, session);
    EXPECT_TRUE(response.has_value() && response->sessionId == session);
    return connection;
  }

  template <jute::Record R>
  void Send(ServerId at, ConnectionId connection, OpCode op, const R& record,
            int32_t xid = 1) {
    std::string frame;
    jute::Write(
        jute::RequestHeader{.xid = xid, .type = static_cast<int32_t>(op)},
        &frame);
    jute::Write(record, &frame);
    members_[at].replica->Step(Received{connection, frame});
  }

  std::vector<Frame> Take(ServerId at, ConnectionId connection) {
    Settle();
    std::vector<Frame> frames;
    raw_ = std::exchange(members_[at].received[connection], {});
    std::string_view bytes = raw_;
    while (!bytes.empty()) {
      const auto size =
          static_cast<size_t>(jute::LoadBigEndian<int32_t>(bytes.data()));
      Frame frame;
      CHECK(jute::Read(bytes.substr(4, size), &frame.header));
      frame.body = bytes.substr(20, size - 16);
      frames.push_back(std::move(frame));
      bytes.remove_prefix(size + 4);
    }
    return frames;
  }

  template <jute::Record R>
  Error Call(ServerId at, ConnectionId connection, OpCode op, const R& record) {
    Send(at, connection, op, record);
    const std::vector<Frame> frames = Take(at, connection);
    EXPECT_THAT(frames, SizeIs(testing::Ge(1u)));
    return frames.empty() ? Error::kRuntimeInconsistency
                          : frames.back().error();
  }

  Error Create(ServerId at, ConnectionId connection, std::string_view path,
               int32_t flags = 0, std::string_view data = "") {
    return Call(at, connection, OpCode::kCreate,
                jute::CreateRequest{path, data, kOpenAcl, flags});
  }

  // All members that run have the same.
  void ExpectAgreement() {
    const Replica* first = nullptr;
    for (auto& [id, member] : members_) {
      if (member.replica == nullptr) {
        continue;
      }
      if (first == nullptr) {
        first = member.replica.get();
      }
      EXPECT_EQ(member.replica->tree().last_zxid(), first->tree().last_zxid());
      EXPECT_EQ(member.replica->digest(), first->digest());
    }
  }

  bool Exists(ServerId at, std::string_view path) {
    return members_[at].replica->tree().Find(path) != nullptr;
  }

  struct Packet {
    ServerId from;
    ServerId to;
    std::optional<zab::Message> message;  // Nothing: the link's end
  };

  void Deliver(Packet packet) {
    Member& target = members_[packet.to];
    if (packet.from == cut_off_ || packet.to == cut_off_) {
      return;
    }
    if (target.replica == nullptr) {
      if (packet.message.has_value() &&
          std::holds_alternative<zab::FollowerInfo>(*packet.message)) {
        members_[packet.from].replica->Step(zab::LinkLost{packet.to});
      }
      return;
    }
    if (packet.message.has_value()) {
      target.replica->Step(
          zab::Received{packet.from, *std::move(packet.message)});
    } else {
      target.replica->Step(zab::LinkLost{packet.from});
    }
  }

  std::map<ServerId, Member> members_;
  std::deque<Packet> network_;
  std::optional<ServerId> cut_off_;
  absl::Duration now_ = absl::Seconds(1000);
  int64_t wall_ms_ = 1700000000000;
  uint64_t last_connection_ = 0;
  std::string raw_;
};

TEST_F(EnsembleTest, WriteOfAFollowersClientReachesAll) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  const ConnectionId here = Connect(follower);
  const ConnectionId there = Connect(leader);
  EXPECT_EQ(Create(follower, here, "/a"), Error::kOk);
  EXPECT_EQ(Create(leader, there, "/b"), Error::kOk);
  EXPECT_EQ(Create(follower, here, "/b"), Error::kNodeExists);
  for (const auto& [id, member] : members_) {
    EXPECT_TRUE(Exists(id, "/a"));
    EXPECT_TRUE(Exists(id, "/b"));
  }
  ExpectAgreement();
}

// A read behind a write of its session waits for it, also where another member
// has to order it.
TEST_F(EnsembleTest, FollowerKeepsTheOrderOfASession) {
  const ServerId follower = AFollower();
  const ConnectionId client = Connect(follower);
  Send(follower, client, OpCode::kCreate,
       jute::CreateRequest{"/a", "x", kOpenAcl, 0}, 1);
  Send(follower, client, OpCode::kGetData, jute::GetDataRequest{"/a", false},
       2);
  Send(follower, client, OpCode::kSync, jute::SyncRequest{"/"}, 3);
  Send(follower, client, OpCode::kExists, jute::ExistsRequest{"/b", true}, 4);
  Send(follower, client, OpCode::kCreate,
       jute::CreateRequest{"/b", "", kOpenAcl, 0}, 5);
  std::vector<int32_t> xids;
  for (const Frame& frame : Take(follower, client)) {
    xids.push_back(frame.header.xid);
  }
  // The event of /b comes before the reply to its creation.
  EXPECT_THAT(xids, ElementsAre(1, 2, 3, 4, -1, 5));
}

TEST_F(EnsembleTest, SyncAnswersWhatOthersHaveWritten) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  const ConnectionId writer = Connect(leader);
  const ConnectionId reader = Connect(follower);
  EXPECT_EQ(Create(leader, writer, "/a"), Error::kOk);
  EXPECT_EQ(Call(follower, reader, OpCode::kSync, jute::SyncRequest{"/"}),
            Error::kOk);
  EXPECT_EQ(
      Call(follower, reader, OpCode::kExists, jute::ExistsRequest{"/a", false}),
      Error::kOk);
  EXPECT_EQ(Call(leader, writer, OpCode::kSync, jute::SyncRequest{"/"}),
            Error::kOk);
}

// A session goes on at another member; what still comes from the old one is
// refused, and its connection is closed.
TEST_F(EnsembleTest, SessionMoves) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  const ConnectionId old = Connect(follower, &session);
  EXPECT_EQ(Create(follower, old, "/e", /*flags=*/1), Error::kOk);
  const ConnectionId here = Reattach(leader, session);
  EXPECT_EQ(Create(leader, here, "/f", /*flags=*/1), Error::kOk);
  Send(follower, old, OpCode::kCreate,
       jute::CreateRequest{"/g", "", kOpenAcl, 1});
  EXPECT_THAT(Take(follower, old), IsEmpty());
  EXPECT_TRUE(members_[follower].closed[old]);
  EXPECT_FALSE(Exists(leader, "/g"));
  EXPECT_TRUE(Exists(leader, "/e"));
  ExpectAgreement();
}

// A leader that the others have left does not know it at first, nor the
// sessions that were opened since.  A client that cannot reach the others is
// not told that such a session is gone.
TEST_F(EnsembleTest, DeposedLeaderRefusesNoSession) {
  const ServerId deposed = RunUntilLeader();
  const ServerId follower = AFollower();
  LeaveAlone(deposed);
  for (int i = 0; i < 100 && !members_[follower].replica->is_serving(); ++i) {
    Advance(absl::Milliseconds(10));
  }
  int64_t session = 0;
  Connect(follower, &session);
  ASSERT_TRUE(members_[deposed].replica->is_serving());
  const ConnectionId lost = Open(deposed);
  EXPECT_FALSE(Renew(deposed, lost, session).has_value());
  EXPECT_FALSE(members_[deposed].closed[lost]);
  const auto renewed = Renew(follower, Open(follower), session);
  ASSERT_TRUE(renewed.has_value());
  EXPECT_EQ(renewed->sessionId, session);
  Advance(absl::Seconds(20));
  EXPECT_FALSE(members_[deposed].replica->is_serving());
  EXPECT_TRUE(members_[deposed].closed[lost]);
  EXPECT_THAT(members_[deposed].received[lost], IsEmpty());
}

// Likewise of a session that only this leader has given up.
TEST_F(EnsembleTest, SessionThatADeposedLeaderClosesIsNotRefused) {
  const ServerId deposed = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  Connect(follower, &session);
  Advance(absl::Seconds(8));
  LeaveAlone(deposed);
  Advance(absl::Seconds(4));
  const ConnectionId lost = Open(deposed);
  EXPECT_FALSE(Renew(deposed, lost, session).has_value());
  Advance(absl::Seconds(20));
  EXPECT_TRUE(members_[deposed].closed[lost]);
  EXPECT_THAT(members_[deposed].received[lost], IsEmpty());
}

// A refusal takes the leader longer than a yes, which may overtake it.
TEST_F(EnsembleTest, AnswersGoToThoseWhoAskedForThatSession) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  Connect(leader, &session);
  std::vector<ConnectionId> asking;
  for (const int64_t wanted : {session + 1000, session, session + 1000}) {
    asking.push_back(Open(follower));
    SendHandshake(follower, asking.back(), wanted, PasswordOf(wanted));
  }
  Settle();
  std::vector<int64_t> given;
  for (const ConnectionId connection : asking) {
    jute::ConnectResponse response;
    const std::string& bytes = members_[follower].received[connection];
    ASSERT_GT(bytes.size(), 4u);
    ASSERT_TRUE(jute::Read(std::string_view(bytes).substr(4), &response));
    given.push_back(response.sessionId);
  }
  EXPECT_THAT(given, ElementsAre(0, session, 0));
}

// Clients send more behind their handshake: it waits for the leader's answer.
TEST_F(EnsembleTest, RequestsWaitWhileTheLeaderIsAskedForTheSession) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  Connect(leader, &session);
  const ConnectionId connection = Open(follower);
  EXPECT_FALSE(members_[follower].replica->MustWait(connection));
  SendHandshake(follower, connection, session, PasswordOf(session));
  EXPECT_TRUE(members_[follower].replica->MustWait(connection));
  Settle();
  EXPECT_FALSE(members_[follower].replica->MustWait(connection));
  EXPECT_EQ(Create(follower, connection, "/a"), Error::kOk);
}

// A leader that is to stop serves nobody while it waits for the end of what it
// has proposed.
TEST_F(EnsembleTest, LeaderThatHandsOverServesNobody) {
  const ServerId leader = RunUntilLeader();
  int64_t session = 0;
  const ConnectionId client = Connect(leader, &session);
  Send(leader, client, OpCode::kCreate,
       jute::CreateRequest{"/a", "", kOpenAcl, 0});
  members_[leader].replica->Step(Stop{});
  EXPECT_FALSE(members_[leader].replica->is_serving());
  const ConnectionId late = Open(leader);
  EXPECT_FALSE(Renew(leader, late, session).has_value());
  EXPECT_TRUE(members_[leader].closed[late]);
  Kill(leader);
  EXPECT_TRUE(Exists(RunUntilLeader(), "/a"));
}

// The leader had the client: what still comes through its old connection does
// nothing, not even end the session.
TEST_F(EnsembleTest, SessionMovesAwayFromTheLeader) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  const ConnectionId old = Connect(leader, &session);
  EXPECT_EQ(Create(leader, old, "/e", /*flags=*/1), Error::kOk);
  const ConnectionId here = Reattach(follower, session);
  std::string close;
  jute::Write(
      jute::RequestHeader{.xid = 9,
                          .type = static_cast<int32_t>(OpCode::kCloseSession)},
      &close);
  members_[leader].replica->Step(Received{old, close});
  Settle();
  EXPECT_TRUE(members_[leader].closed[old]);
  EXPECT_TRUE(Exists(leader, "/e"));
  EXPECT_EQ(Create(follower, here, "/f"), Error::kOk);
  ExpectAgreement();
}

// Two connections ask for one session before the leader answers: the later one
// has it.
TEST_F(EnsembleTest, TwoConnectionsWantOneSession) {
  const ServerId follower = AFollower();
  int64_t session = 0;
  const ConnectionId first = Connect(follower, &session);
  const ConnectionId second = Open(follower);
  const ConnectionId third = Open(follower);
  for (const ConnectionId connection : {second, third}) {
    SendHandshake(follower, connection, session, PasswordOf(session));
  }
  Settle();
  EXPECT_TRUE(members_[follower].closed[first]);
  EXPECT_TRUE(members_[follower].closed[second]);
  EXPECT_FALSE(members_[follower].closed[third]);
  members_[follower].received[third].clear();
  EXPECT_EQ(Create(follower, third, "/a"), Error::kOk);
}

TEST_F(EnsembleTest, WrongPasswordIsRefusedByAFollower) {
  const ServerId follower = AFollower();
  int64_t session = 0;
  Connect(follower, &session);
  const ConnectionId other = Open(follower);
  const auto response = Handshake(follower, other, session, "wrong");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->sessionId, 0);
  EXPECT_TRUE(members_[follower].closed[other]);
}

// The leader expires sessions wherever their clients are; those that are heard
// of live.
TEST_F(EnsembleTest, SilentSessionOfAFollowerExpiresOnce) {
  const ServerId follower = AFollower();
  const ConnectionId silent = Connect(follower);
  const ConnectionId alive = Connect(follower);
  EXPECT_EQ(Create(follower, silent, "/silent", 1), Error::kOk);
  EXPECT_EQ(Create(follower, alive, "/alive", 1), Error::kOk);
  for (int i = 0; i < 20; ++i) {
    std::string ping;
    jute::Write(
        jute::RequestHeader{.xid = jute::kPingXid,
                            .type = static_cast<int32_t>(OpCode::kPing)},
        &ping);
    members_[follower].replica->Step(Received{alive, ping});
    Advance(absl::Seconds(1));
  }
  EXPECT_TRUE(members_[follower].closed[silent]);
  EXPECT_FALSE(members_[follower].closed[alive]);
  for (const auto& [id, member] : members_) {
    EXPECT_FALSE(Exists(id, "/silent"));
    EXPECT_TRUE(Exists(id, "/alive"));
  }
  ExpectAgreement();
}

// Whoever leads next has what clients were told, and their sessions.
TEST_F(EnsembleTest, AnotherLeadsWithAllThatWasAcknowledged) {
  const ServerId first = RunUntilLeader();
  const ServerId follower = AFollower();
  int64_t session = 0;
  const ConnectionId client = Connect(first, &session);
  EXPECT_EQ(Create(first, client, "/a"), Error::kOk);
  EXPECT_EQ(Create(first, client, "/e", 1), Error::kOk);
  Kill(first);
  const ServerId second = RunUntilLeader();
  EXPECT_NE(second, first);
  EXPECT_TRUE(Exists(second, "/a"));
  const ConnectionId again = Reattach(follower, session);
  EXPECT_EQ(Create(follower, again, "/e/child"),
            Error::kNoChildrenForEphemerals);
  Start(first);
  RunUntilLeader();
  ExpectAgreement();
}

// What it proposed and nobody has is no state to prepare on when it leads anew,
// though no transaction came between.
TEST_F(EnsembleTest, LeaderForgetsWhatItLost) {
  const ServerId leader = RunUntilLeader();
  int64_t session = 0;
  const ConnectionId client = Connect(leader, &session);
  cut_off_ = leader;
  Send(leader, client, OpCode::kCreate,
       jute::CreateRequest{"/a", "", kOpenAcl, 0});
  EXPECT_THAT(Take(leader, client), IsEmpty());
  CutOff(leader);
  ServerId second{0};
  for (int i = 0; i < 1000 && second == ServerId{0}; ++i) {
    Advance(absl::Milliseconds(10));
    for (auto& [id, member] : members_) {
      if (id != leader && member.replica->peer().CanPropose()) {
        second = id;
      }
    }
  }
  cut_off_.reset();
  ASSERT_EQ(RunUntilLeader(), second);
  Kill(second);
  ASSERT_EQ(RunUntilLeader(), leader);
  EXPECT_FALSE(Exists(leader, "/a"));
  const ConnectionId again = Reattach(leader, session);
  EXPECT_EQ(Create(leader, again, "/a"), Error::kOk);
  ExpectAgreement();
}

// A member that was away for too long gets the whole state.
TEST_F(EnsembleTest, LateMemberGetsASnapshotWithSessions) {
  const ServerId leader = RunUntilLeader();
  const ServerId follower = AFollower();
  Kill(follower);
  int64_t session = 0;
  const ConnectionId client = Connect(leader, &session);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Create(leader, client, fmt::format("/n{}", i), i % 2),
              Error::kOk);
  }
  Start(follower);
  RunUntilLeader();
  EXPECT_FALSE(members_[follower].state.state.empty()) << "no snapshot came";
  ExpectAgreement();
  const ConnectionId again = Reattach(follower, session);
  EXPECT_EQ(Create(follower, again, "/more"), Error::kOk);
  ExpectAgreement();
}

// All stop at once and come back: what was acknowledged is there.
TEST_F(EnsembleTest, EnsembleComesBack) {
  const ServerId leader = RunUntilLeader();
  const ConnectionId client = Connect(leader);
  EXPECT_EQ(Create(leader, client, "/a"), Error::kOk);
  for (int i = 1; i <= 3; ++i) {
    Kill(ServerId{i});
  }
  for (int i = 1; i <= 3; ++i) {
    Start(ServerId{i});
  }
  const ServerId next = RunUntilLeader();
  EXPECT_TRUE(Exists(next, "/a"));
  ExpectAgreement();
}

TEST_F(EnsembleTest, ClientThatClosesItsSessionAtAFollower) {
  const ServerId follower = AFollower();
  const ConnectionId client = Connect(follower);
  EXPECT_EQ(Create(follower, client, "/e", 1), Error::kOk);
  std::string frame;
  jute::Write(
      jute::RequestHeader{.xid = 7,
                          .type = static_cast<int32_t>(OpCode::kCloseSession)},
      &frame);
  members_[follower].replica->Step(Received{client, frame});
  const std::vector<Frame> frames = Take(follower, client);
  ASSERT_THAT(frames, SizeIs(1));
  EXPECT_EQ(frames[0].header.xid, 7);
  EXPECT_TRUE(members_[follower].closed[client]);
  EXPECT_FALSE(Exists(follower, "/e"));
  ExpectAgreement();
}

// Without a quorum nobody answers: clients look elsewhere.
TEST_F(EnsembleTest, ClientsAreSentAwayWithoutAQuorum) {
  const ServerId leader = RunUntilLeader();
  const ConnectionId client = Connect(leader);
  for (int i = 1; i <= 3; ++i) {
    if (ServerId{i} != leader) {
      Kill(ServerId{i});
    }
  }
  Settle();
  EXPECT_TRUE(members_[leader].closed[client]);
  const ConnectionId late = Open(leader);
  EXPECT_FALSE(Handshake(leader, late).has_value());
  EXPECT_TRUE(members_[leader].closed[late]);
}

// What a leader of other code sends.

class ForeignLeaderTest : public EnsembleTest {
 protected:
  ForeignLeaderTest() : leader_(RunUntilLeader()), follower_(AFollower()) {}

  Replica& follower() { return *members_[follower_].replica; }

  // The follower hears it from its leader, which knows nothing about it: what
  // comes of it must be seen before Settle().
  void Hear(zab::Message message) {
    follower().Step(zab::Received{leader_, std::move(message)});
  }

  // A transaction that begins a session, as the next of the follower's log.
  zab::Proposal NextSession(int64_t session, uint64_t digest) {
    zab::Zxid zxid = follower().peer().last_logged();
    ++zxid.counter;
    return {zxid, SessionTxn(zxid, session, digest)};
  }

  static std::string SessionTxn(zab::Zxid zxid, int64_t session,
                                uint64_t digest) {
    std::string txn;
    jute::Write(
        jute::TxnHeader{.clientId = session,
                        .zxid = zxid.ToWire(),
                        .type = static_cast<int32_t>(OpCode::kCreateSession)},
        &txn);
    jute::Write(jute::CreateSessionTxn{10000}, &txn);
    jute::Write(jute::TxnDigest{.version = 2,
                                .treeDigest = static_cast<int64_t>(digest)},
                &txn);
    return txn;
  }

  const ServerId leader_;
  const ServerId follower_;
};

// It goes on, and counts (zab-and-disk.md 5.5).
TEST_F(ForeignLeaderTest, DigestThatDoesNotMatchIsCounted) {
  Connect(follower_);  // So that there is a transaction of this epoch
  std::vector<std::string> lines;
  log::CaptureForTest([&](log::Level level, std::string_view line) {
    EXPECT_EQ(level, log::Level::kError);
    lines.emplace_back(line);
  });
  for (const int64_t session : {7, 8, 9}) {
    const uint64_t wrong = session == 9 ? 0 : 1;
    const zab::Proposal proposal =
        NextSession(session, follower().digest() + wrong);
    Hear(proposal);
    Hear(zab::Commit{proposal.zxid});
  }
  log::CaptureForTest(nullptr);
  EXPECT_THAT(follower().FourLetterWord(Open(follower_), "mntr", "", {}),
              testing::HasSubstr("zk_digest_mismatches_count\t2\n"));
  EXPECT_THAT(lines, ElementsAre(testing::HasSubstr("announced digest")));
  EXPECT_TRUE(follower().is_serving());
}

// Nothing that a leader sends ends the process, but only the link.
TEST_F(ForeignLeaderTest, WhatCannotBeReadEndsTheLink) {
  Connect(follower_);
  const zab::Proposal good = NextSession(7, follower().digest());
  zab::Proposal longer = good;
  longer.zxid.counter += 1;
  zab::Proposal cut = good;
  cut.txn.resize(34);
  zab::Proposal of_none = NextSession(0, follower().digest());
  const zab::Zxid last = follower().peer().last_logged();
  log::CaptureForTest([](log::Level, std::string_view) {});
  for (const zab::Message& message : std::initializer_list<zab::Message>{
           cut, longer, of_none, zab::Proposal{good.zxid, ""},
           zab::Proposal{last, SessionTxn(last, 7, 0)},
           zab::Inform{good.zxid, "x"},
           zab::InformAndActivate{good.zxid, leader_, "x"},
           zab::Snap{good.zxid, "x"}, zab::Commit{good.zxid}}) {
    ASSERT_TRUE(follower().is_serving());
    Hear(message);
    EXPECT_FALSE(follower().is_serving()) << zab::Describe(message);
    Settle();  // It joins again
    EXPECT_EQ(follower().peer().last_logged(), last);
  }
  log::CaptureForTest(nullptr);
}

TEST_F(ForeignLeaderTest, AnswerThatNobodyAskedForIsIgnored) {
  Hear(zab::Revalidated{SessionId{7}, true});
  Hear(zab::Sync{});
  EXPECT_TRUE(follower().is_serving());
}

// Sessions that a learner asks for in a way that no server does.
TEST_F(ForeignLeaderTest, LearnerCannotMakeASessionThatIsNone) {
  std::string timeout;
  jute::Write(jute::CreateSessionTxn{-1}, &timeout);
  Replica& leader = *members_[leader_].replica;
  for (const int64_t session : {0, 7, 7}) {
    leader.Step(zab::Received{
        follower_, zab::Request{SessionId{session}, 0,
                                static_cast<int32_t>(OpCode::kCreateSession),
                                timeout, ""}});
    leader.Step(zab::Received{
        follower_,
        zab::Request{SessionId{session}, 0,
                     static_cast<int32_t>(OpCode::kCloseSession), "", ""}});
    leader.Step(zab::Received{
        follower_, zab::Request{SessionId{session}, 0,
                                static_cast<int32_t>(OpCode::kCreateSession),
                                timeout, ""}});
  }
  Settle();
  EXPECT_TRUE(leader.is_serving());
}

}  // namespace
}  // namespace paddock::replica

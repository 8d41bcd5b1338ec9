// A small language for tests of a whole server without I/O: clients that send
// requests and read frames, a disk that finishes when the test says so.

#ifndef PADDOCK_TESTS_REPLICA_REPLICA_HARNESS_H_
#define PADDOCK_TESTS_REPLICA_REPLICA_HARNESS_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "jute/persistence.h"
#include "jute/proto.h"
#include "replica/replica.h"

namespace paddock::replica {

inline const std::vector<jute::ACL> kOpenAcl = {{31, {"world", "anyone"}}};

// A frame that a client received: a reply or an event.
struct Frame {
  jute::ReplyHeader header;
  std::string body;

  Error error() const { return static_cast<Error>(header.err); }
  template <jute::Record R>
  R As() const {
    R record;
    CHECK(jute::Read(body, &record)) << "body of " << body.size() << " bytes";
    return record;
  }
};

class ReplicaHarness {
 public:
  explicit ReplicaHarness(const Options& options = {})
      : options_(options), replica_(std::make_unique<Replica>(options)) {
    replica_->FinishRestore({now_, wall_ms_});
  }
  ~ReplicaHarness() { replica_->CheckInvariants(); }

  Replica& replica() { return *replica_; }

  // For how long requests that are sent now have been held back.
  absl::Duration waited;

  // The value that mntr gives for `name`; fails when there is none.
  std::string Mntr(const std::string& name) {
    const ConnectionId asking = OpenConnection();
    const std::string text =
        "\n" + replica_->FourLetterWord(asking, "mntr", "", {});
    replica_->Step(Disconnected{asking});
    const std::string start = "\nzk_" + name + "\t";
    const size_t found = text.find(start);
    CHECK(found != std::string::npos) << name;
    const size_t value = found + start.size();
    return text.substr(value, text.find('\n', value) - value);
  }

  // Lets time pass in small steps.
  void Advance(absl::Duration duration) {
    const absl::Duration end = now_ + duration;
    while (now_ < end) {
      now_ += std::min(absl::Milliseconds(10), end - now_);
      wall_ms_ += 10;
      replica_->Step(Tick{now_, wall_ms_});
      FinishWrites();
    }
  }

  // Lets time pass while the disk stalls.
  void Pass(absl::Duration duration) {
    now_ += duration;
    replica_->Step(Tick{now_, wall_ms_});
  }

  // The disk confirms what it was given.
  void FinishWrites() {
    Collect();
    while (!writes_.empty()) {
      const uint64_t last = writes_.back().id;
      for (auto& write : writes_) {
        log_.push_back(std::move(write.txn()));
      }
      writes_.clear();
      replica_->Step(Persisted{last});
      Collect();
    }
    replica_->CheckInvariants();
  }

  // A new process with what the disk confirmed; all connections are gone.
  void Restart() {
    NewProcess();
    for (const zab::Txn& txn : log_) {
      CHECK(replica_->Restore(txn));
    }
    replica_->FinishRestore({now_, wall_ms_});
  }

  uint64_t digest() const { return replica_->digest(); }

  // A checkpoint as a disk would keep it.
  void BeginCheckpoint() { head_ = replica_->BeginCheckpoint(); }
  void FinishCheckpoint() {
    if (head_.has_all_nodes) {
      nodes_.clear();
    }
    for (const int64_t id : *head_.deleted_ids) {
      nodes_.erase(id);
    }
    bool more = true;
    while (more) {
      std::string records;
      more = replica_->Capture(1, &records);
      jute::InputArchive in(records);
      while (in.remaining() > 0) {
        jute::CheckpointNode node;
        CHECK(jute::Read(in, &node));
        std::string record;
        jute::Write(node, &record);
        nodes_[node.id] = std::move(record);
      }
    }
    if (head_.has_all_sessions) {
      checkpoint_sessions_.clear();
    }
    for (const SessionId id : head_.closed_sessions) {
      checkpoint_sessions_.erase(ToWire(id));
    }
    for (const auto& [id, timeout_ms] : head_.sessions) {
      checkpoint_sessions_[id] = timeout_ms;
    }
    replica_->EndCheckpoint(/*is_durable=*/true);
  }

  void RestartFromCheckpoint() {
    NewProcess();
    auto next = nodes_.begin();
    const absl::Status status = replica_->RestoreCheckpoint(
        head_.zxid, head_.digest, checkpoint_sessions_,
        [&]() -> absl::StatusOr<std::string> {
          return next == nodes_.end() ? "" : (next++)->second;
        });
    CHECK(status.ok()) << status;
    for (const zab::Txn& txn : log_) {
      CHECK(txn.zxid <= head_.zxid || replica_->Restore(txn));
    }
    replica_->FinishRestore({now_, wall_ms_});
  }

  ConnectionId OpenConnection(std::string address = "127.0.0.1") {
    const ConnectionId id{++last_connection_};
    replica_->Step(Tick{now_, wall_ms_});
    replica_->Step(Connected{id, std::move(address), 1000});
    return id;
  }

  void SendFrame(ConnectionId id, std::string_view frame) {
    replica_->Step(Tick{now_, wall_ms_});
    replica_->Step(Received{id, frame, waited});
  }

  void SendConnect(ConnectionId id, const jute::ConnectRequest& request) {
    std::string frame;
    jute::Write(request, &frame);
    frame.push_back(0);
    SendFrame(id, frame);
  }

  // A connection with a new session.
  ConnectionId Connect(int32_t timeout_ms = 10000) {
    const ConnectionId id = OpenConnection();
    SendConnect(id, {.timeOut = timeout_ms, .passwd = "0123456789abcdef"});
    FinishWrites();
    sessions_[id] = TakeConnectResponse(id).sessionId;
    CHECK_NE(sessions_[id], 0);
    return id;
  }

  jute::ConnectResponse TakeConnectResponse(ConnectionId id) {
    Collect();
    auto& bytes = raw_[id];
    CHECK(!bytes.empty()) << "no ConnectResponse";
    jute::ConnectResponse response;
    last_raw_ = std::exchange(bytes, {});
    CHECK(jute::Read(std::string_view(last_raw_).substr(4), &response));
    return response;
  }

  int64_t session(ConnectionId id) { return sessions_.at(id); }

  template <jute::Record R>
  void Send(ConnectionId id, jute::OpCode op, const R& record,
            int32_t xid = 1) {
    std::string frame;
    jute::Write(
        jute::RequestHeader{.xid = xid, .type = static_cast<int32_t>(op)},
        &frame);
    jute::Write(record, &frame);
    SendFrame(id, frame);
  }

  void SendBare(ConnectionId id, jute::OpCode op, int32_t xid = 1,
                std::string_view body = "") {
    std::string frame;
    jute::Write(
        jute::RequestHeader{.xid = xid, .type = static_cast<int32_t>(op)},
        &frame);
    frame.append(body);
    SendFrame(id, frame);
  }

  // Sends, lets the disk finish, and returns the last frame received.
  template <jute::Record R>
  Frame Call(ConnectionId id, jute::OpCode op, const R& record) {
    Send(id, op, record);
    FinishWrites();
    const std::vector<Frame> frames = Take(id);
    CHECK(!frames.empty());
    return frames.back();
  }

  Frame Create(ConnectionId id, std::string_view path,
               std::string_view data = "", int32_t flags = 0) {
    return Call(id, jute::OpCode::kCreate,
                jute::CreateRequest{path, data, kOpenAcl, flags});
  }
  Frame Get(ConnectionId id, std::string_view path, bool watch = false) {
    return Call(id, jute::OpCode::kGetData, jute::GetDataRequest{path, watch});
  }
  Frame Set(ConnectionId id, std::string_view path, std::string_view data,
            int32_t version = -1) {
    return Call(id, jute::OpCode::kSetData,
                jute::SetDataRequest{path, data, version});
  }
  Frame Delete(ConnectionId id, std::string_view path, int32_t version = -1) {
    return Call(id, jute::OpCode::kDelete, jute::DeleteRequest{path, version});
  }

  // The frames received since the last call.
  std::vector<Frame> Take(ConnectionId id) {
    Collect();
    std::vector<Frame> frames;
    std::string_view bytes = raw_[id];
    while (!bytes.empty()) {
      const auto size =
          static_cast<size_t>(jute::LoadBigEndian<int32_t>(bytes.data()));
      CHECK_LE(size + 4, bytes.size());
      Frame frame;
      CHECK(jute::Read(bytes.substr(4, size), &frame.header));
      frame.body = bytes.substr(20, size - 16);
      if (frame.header.err != 0) {
        CHECK(frame.body.empty()) << "errors have no body";
      }
      frames.push_back(std::move(frame));
      bytes.remove_prefix(size + 4);
    }
    raw_[id].clear();
    return frames;
  }

  // What the disk confirmed.
  const std::vector<zab::Txn>& log() const { return log_; }

  std::vector<std::string> TakeNotices() {
    Collect();
    return std::exchange(notices_, {});
  }

  bool IsClosed(ConnectionId id) {
    Collect();
    return closed_[id];
  }

 private:
  void NewProcess() {
    Collect();
    writes_.clear();
    received_.clear();
    closed_.clear();
    replica_ = std::make_unique<Replica>(options_);
  }

  void Collect() {
    Ready ready = replica_->TakeReady();
    for (Output& output : ready.outputs) {
      raw_[output.connection] += output.bytes;
      closed_[output.connection] |= output.close;
    }
    for (std::string& notice : ready.notices) {
      notices_.push_back(std::move(notice));
    }
    for (zab::Write& write : ready.writes) {
      writes_.push_back(std::move(write));
    }
  }

  const Options options_;
  std::unique_ptr<Replica> replica_;
  absl::Duration now_ = absl::Seconds(1000);
  int64_t wall_ms_ = 1700000000000;
  uint64_t last_connection_ = 0;
  std::map<ConnectionId, std::string> raw_;
  std::map<ConnectionId, bool> closed_;
  std::map<ConnectionId, int64_t> sessions_;
  std::vector<zab::Write> writes_;
  std::vector<zab::Txn> log_;
  Checkpoint head_;
  std::map<int64_t, std::string> nodes_;  // By id
  tree::SessionTimeouts checkpoint_sessions_;
  std::vector<std::string> notices_;
  std::map<ConnectionId, std::vector<Frame>> received_;
  std::string last_raw_;
};

}  // namespace paddock::replica

#endif  // PADDOCK_TESTS_REPLICA_REPLICA_HARNESS_H_

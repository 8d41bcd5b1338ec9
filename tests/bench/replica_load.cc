#include "bench/replica_load.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "jute/archive.h"
#include "jute/proto.h"
#include "net/frame.h"

namespace paddock::bench {
namespace {

constexpr std::string_view kRoot = "/bench";
constexpr int32_t kFrameBytesMax = 1 << 20;
constexpr int64_t kWallMs = 1'700'000'000'000;

replica::Options ServerOptions() {
  replica::Options options;
  options.checkpoints = true;
  return options;
}

ConnectionId ConnectionOf(int number) {
  return ConnectionId{static_cast<uint64_t>(number) + 1};
}

jute::CreateRequest Create(const std::string& path, std::string_view value) {
  return {path, value, {{jute::kPermAll, {"world", "anyone"}}}, 0};
}

}  // namespace

ReplicaLoad::ReplicaLoad(Work work) : replica_(ServerOptions()) {
  replica_.FinishRestore({now_, kWallMs});
  const std::string root(kRoot);
  Batch connects;
  for (int i = 0; i < kConnections; ++i) {
    replica_.Step(replica::Connected{ConnectionOf(i), "127.0.0.1", 1000});
    std::string frame;
    jute::Write(jute::ConnectRequest{.timeOut = 30000}, &frame);
    Add(&connects, i, frame);
  }
  Step(connects);
  const auto type = static_cast<int32_t>(jute::OpCode::kCreate);
  Batch creates;
  Add(&creates, 0, type, Create(root, ""));
  const std::string value(kValueBytes, 'v');
  for (int i = 0; i < kKeys; ++i) {
    Add(&creates, 0, type, Create(KeyPath(root, i), value));
  }
  for (int i = 0; i < kConnections; ++i) {
    Add(&creates, 0, type, Create(ParentPath(root, i), ""));
    requests_.emplace_back(Requests::Options{.work = work,
                                             .root = root,
                                             .connection = i,
                                             .keys = kKeys,
                                             .value_bytes = kValueBytes});
  }
  Step(creates);
}

void ReplicaLoad::Add(Batch* batch, int connection, std::string_view frame) {
  if (batch->inputs.empty() || batch->inputs.back().connection != connection) {
    batch->inputs.push_back({connection, {}});
  }
  std::string& bytes = batch->inputs.back().bytes;
  jute::OutputArchive(&bytes).WriteInt(static_cast<int32_t>(frame.size()));
  bytes += frame;
}

template <class Body>
void ReplicaLoad::Add(Batch* batch, int connection, int32_t type,
                      const Body& body) {
  std::string frame;
  jute::Write(jute::RequestHeader{++xid_, type}, &frame);
  jute::Write(body, &frame);
  Add(batch, connection, frame);
}

void ReplicaLoad::Step(const Batch& batch) {
  now_ += absl::Milliseconds(1);
  replica_.Step(replica::Tick{now_, kWallMs});
  for (const Batch::Input& input : batch.inputs) {
    std::string_view rest = input.bytes;
    while (!rest.empty()) {
      const net::FrameScan scan = net::ScanFrame(rest, kFrameBytesMax);
      CHECK(scan.kind == net::FrameScan::Kind::kFrame);
      replica_.Step(
          replica::Received{ConnectionOf(input.connection), scan.frame});
      rest.remove_prefix(scan.bytes);
    }
  }
  Collect();
  while (!writes_.empty()) {
    const uint64_t last = writes_.back().id;
    writes_.clear();
    replica_.Step(replica::Persisted{last});
    Collect();
  }
}

void ReplicaLoad::Collect() {
  replica::Ready ready = replica_.TakeReady();
  for (const replica::Output& output : ready.outputs) {
    CHECK(!output.close);
  }
  writes_ = std::move(ready.writes);
}

void ReplicaLoad::Prepare(int batches) {
  std::string buffer(requests_.front().frame_bytes_max(), '\0');
  for (int i = 0; i < batches; ++i) {
    Batch& batch = prepared_.emplace_back();
    for (int connection = 0; connection < kConnections; ++connection) {
      Requests& requests = requests_[static_cast<size_t>(connection)];
      for (int j = 0; j < kOutstanding; ++j) {
        const char* const end = requests.Append(++xid_, buffer.data());
        std::string_view frame(buffer.data(), end);
        frame.remove_prefix(4);  // Its length
        Add(&batch, connection, frame);
      }
    }
  }
}

void ReplicaLoad::PrepareEvents(int rounds) {
  const std::string key = KeyPath(std::string(kRoot), 0);
  const std::string value(kValueBytes, 'w');
  for (int i = 0; i < rounds; ++i) {
    Batch& batch = prepared_.emplace_back();
    for (int connection = 0; connection < kConnections; ++connection) {
      Add(&batch, connection, static_cast<int32_t>(jute::OpCode::kGetData),
          jute::GetDataRequest{key, /*watch=*/true});
    }
    Add(&batch, 0, static_cast<int32_t>(jute::OpCode::kSetData),
        jute::SetDataRequest{key, value, -1});
  }
}

void ReplicaLoad::Run() {
  for (const Batch& batch : prepared_) {
    Step(batch);
  }
  prepared_.clear();
}

}  // namespace paddock::bench

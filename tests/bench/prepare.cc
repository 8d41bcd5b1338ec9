#include "bench/prepare.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <string>
#include <utility>

#include "client/client.h"

namespace paddock::bench {
namespace {

constexpr int32_t kSequentialFlag = 2;
constexpr size_t kOutstandingMax = 1000;

// Creates znodes over one session, as many at a time as a server bears.
class Creator {
 public:
  Creator(const boost::asio::ip::tcp::endpoint& server, Load* load)
      : load_(*load), client_(io_, {.on_closed = [this](const auto& status) {
                                status_ = status;
                              }}) {
    client_.Connect(server);
  }

  absl::Status Run();

 private:
  void CreateRoot();
  void CreateRest();
  // Fills the pipe; ends the session when all is there.
  void CreateMore();
  // The next path to create; empty when there is none.
  std::string NextPath();
  void Create(const std::string& path, int32_t flags,
              client::Client::Callback done);
  void Fail(const std::string& path, Error error);

  Load& load_;
  const std::string value_ =
      std::string(static_cast<size_t>(load_.requests.value_bytes), 'v');
  int next_parent_ = 0;
  int next_key_ = 0;
  int64_t next_child_ = 0;
  bool closing_ = false;
  absl::Status failure_;
  absl::Status status_;
  boost::asio::io_context io_;
  client::Client client_;
};

absl::Status Creator::Run() {
  CreateRoot();
  io_.run();
  return failure_.ok() ? status_ : failure_;
}

void Creator::CreateRoot() {
  Create("/bench", 0, [this](const client::Reply& reply) {
    if (reply.error != Error::kOk && reply.error != Error::kNodeExists) {
      Fail("/bench", reply.error);
    }
  });
  Create("/bench/run-", kSequentialFlag, [this](const client::Reply& reply) {
    jute::CreateResponse response;
    if (reply.error != Error::kOk || !jute::Read(reply.body, &response)) {
      Fail("/bench/run-", reply.error);
      return;
    }
    load_.requests.root = std::string(response.path);
    CreateMore();
  });
}

std::string Creator::NextPath() {
  const Requests::Options& requests = load_.requests;
  if (UsesKeys(requests.work)) {
    return next_key_ < requests.keys ? KeyPath(requests.root, next_key_++) : "";
  }
  if (requests.work != Work::kCreate && requests.work != Work::kDelete) {
    return "";
  }
  if (next_parent_ < load_.connections) {
    return ParentPath(requests.root, next_parent_++);
  }
  if (requests.work == Work::kDelete &&
      next_child_ < load_.count_per_connection * load_.connections) {
    const auto connection = static_cast<int>(next_child_ % load_.connections);
    return ChildPath(requests.root, connection,
                     next_child_++ / load_.connections);
  }
  return "";
}

void Creator::CreateMore() {
  while (!closing_ && client_.outstanding() < kOutstandingMax) {
    const std::string path = NextPath();
    if (path.empty()) {
      break;
    }
    Create(path, 0, [this, path](const client::Reply& reply) {
      if (reply.error != Error::kOk) {
        Fail(path, reply.error);
      }
      CreateMore();
    });
  }
  if (!closing_ && client_.outstanding() == 0) {
    closing_ = true;
    client_.Close();
  }
}

void Creator::Create(const std::string& path, int32_t flags,
                     client::Client::Callback done) {
  client_.Send(
      jute::OpCode::kCreate,
      jute::CreateRequest{
          path, value_, {{jute::kPermAll, {"world", "anyone"}}}, flags},
      std::move(done));
}

void Creator::Fail(const std::string& path, Error error) {
  if (failure_.ok()) {
    failure_ = absl::FailedPreconditionError(absl::string_view(
        fmt::format("create {}: {}", path, ErrorName(error))));
  }
  if (!closing_) {
    closing_ = true;
    client_.Close();
  }
}

}  // namespace

absl::Status Prepare(const boost::asio::ip::tcp::endpoint& server, Load* load) {
  return Creator(server, load).Run();
}

}  // namespace paddock::bench

// A simulated client: one session at a time, which it takes along from member
// to member, with a pipeline of requests and watches.  What it is told is held
// against the truth (truth.h).

#ifndef PADDOCK_TESTS_SIM_CLIENT_H_
#define PADDOCK_TESTS_SIM_CLIENT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "jute/proto.h"
#include "sim/lock.h"
#include "sim/service.h"
#include "sim/truth.h"
#include "sim/watching.h"

namespace paddock::sim {

class Client {
 public:
  Client(Service& service, int number);

  void Work();  // Does something now
  void OnFrame(ConnectionId connection, std::string_view frame);
  void OnClosed(ConnectionId connection);

  // From now on it behaves: it keeps its session and its connection.
  void Calm() { is_calm_ = true; }
  // It went away without a word, for good.
  bool is_dead() const { return is_dead_; }
  bool is_connected() const { return is_connected_; }
  bool is_idle() const { return asked_.empty(); }
  int64_t session() const { return session_; }
  int64_t timeout_ms() const { return timeout_ms_; }

 private:
  struct Asked {
    int32_t xid = 0;
    Request request;
    int64_t newest = 0;  // Of all that was committed anywhere then
    bool is_of_lock = false;
  };
  struct Reply {
    int64_t zxid = 0;
    Error error = Error::kOk;
    std::string_view body;
  };

  void Connect();
  void HangUp();
  // Whether it does something strange instead of its work.
  bool FollowsWhim();
  void Ask();
  Request Draw();
  Request DrawMulti();
  void Send(Request request, bool is_of_lock = false);
  void SendFrame(int32_t xid, jute::OpCode op, std::string body);
  void OnHandshake(std::string_view frame);
  void OnEvent(std::string_view body, int64_t zxid);
  void OnReply(const Asked& asked, const Reply& reply);
  void OnRead(const Asked& asked, const Reply& reply);
  void OnData(const Asked& asked, const Reply& reply);
  void OnChildren(const Asked& asked, const Reply& reply);
  void OnWrite(const Asked& asked, const Reply& reply);
  void OnSuccess(const Asked& asked, const Reply& reply,
                 const std::vector<Outcome>& expected);
  void LoseSession();
  void Fail(const std::string& what);
  void FailIf(const std::optional<std::string>& wrong) {
    if (wrong.has_value()) {
      Fail(*wrong);
    }
  }

  Service& service_;
  const Truth& truth_;
  const int number_;
  const int32_t timeout_ms_;
  bool is_dead_ = false;
  bool is_calm_ = false;
  Micros silent_until_ = 0;
  Micros retry_at_ = 0;
  Micros heard_at_ = 0;
  Micros sent_at_ = 0;
  ConnectionId connection_ = kNoConnection;
  bool is_connected_ = false;  // The handshake is done
  int64_t session_ = 0;
  std::string password_;
  int64_t last_zxid_ = 0;
  int64_t synced_ = 0;  // What its last sync promised
  int32_t last_xid_ = 0;
  std::deque<Asked> asked_;
  Watching watching_;
  Lock lock_;
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_CLIENT_H_

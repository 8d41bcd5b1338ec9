// A simulated client: one session at a time, which it takes along from member
// to member, with a pipeline of requests.  It checks what it is told.

#ifndef PADDOCK_TESTS_SIM_CLIENT_H_
#define PADDOCK_TESTS_SIM_CLIENT_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "jute/proto.h"
#include "sim/service.h"

namespace paddock::sim {

class Client {
 public:
  Client(Service& service, int number) : service_(service), number_(number) {}

  void Work();  // Does something now, and goes on later
  void OnFrame(ConnectionId connection, std::string_view frame);
  void OnClosed(ConnectionId connection);
  ConnectionId connection() const { return connection_; }

 private:
  struct Asked {
    int32_t xid = 0;
    jute::OpCode op = jute::OpCode::kPing;
    std::string path;
    bool watches = false;
    int64_t newest = 0;  // The newest write that anybody was told of then
    bool behind_sync = false;
  };

  void Connect();
  void Ask();
  void OnHandshake(std::string_view frame);
  void OnEvent(std::string_view body);
  void OnReply(const Asked& asked, const jute::ReplyHeader& header,
               std::string_view body);
  void OnWrite(const Asked& asked, const jute::ReplyHeader& header,
               std::string_view body);
  template <jute::Record R>
  void Send(Asked asked, const R& record);

  Service& service_;
  const int number_;
  ConnectionId connection_ = kNoConnection;
  bool is_connected_ = false;  // The handshake is done
  int64_t session_ = 0;
  std::string password_;
  int64_t last_zxid_ = 0;
  int32_t last_xid_ = 0;
  int64_t synced_ = 0;  // What its last sync promised, on this connection
  std::deque<Asked> asked_;
  std::map<std::string, int64_t> watched_;  // Path and the mzxid it was read at
};

}  // namespace paddock::sim

#endif  // PADDOCK_TESTS_SIM_CLIENT_H_

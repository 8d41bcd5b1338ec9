// Requests and replies of the client port (module org.apache.zookeeper.proto;
// client-protocol.md 1.4).

#ifndef PADDOCK_JUTE_PROTO_H_
#define PADDOCK_JUTE_PROTO_H_

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "jute/data.h"
#include "jute/record.h"

namespace paddock::jute {

// Operation codes (client-protocol.md 3.1), shared by requests and
// transactions.
enum class OpCode : int32_t {
  kNotification = 0,
  kCreate = 1,
  kDelete = 2,
  kExists = 3,
  kGetData = 4,
  kSetData = 5,
  kGetAcl = 6,
  kSetAcl = 7,
  kGetChildren = 8,
  kSync = 9,
  kPing = 11,
  kGetChildren2 = 12,
  kCheck = 13,
  kMulti = 14,
  kCreate2 = 15,
  kReconfig = 16,
  kCheckWatches = 17,
  kRemoveWatches = 18,
  kCreateContainer = 19,
  kDeleteContainer = 20,
  kCreateTtl = 21,
  kMultiRead = 22,
  kAuth = 100,
  kSetWatches = 101,
  kSasl = 102,
  kGetEphemerals = 103,
  kGetAllChildrenNumber = 104,
  kSetWatches2 = 105,
  kAddWatch = 106,
  kWhoAmI = 107,
  kCreateSession = -10,
  kCloseSession = -11,
  kError = -1,
};

// Xids with a meaning of their own (client-protocol.md 2.6).
inline constexpr int32_t kWatchEventXid = -1;
inline constexpr int32_t kPingXid = -2;

// Newer clients append a boolean readOnly; the reply then does too.
struct ConnectRequest {
  int32_t protocolVersion = 0;
  int64_t lastZxidSeen = 0;
  int32_t timeOut = 0;
  int64_t sessionId = 0;
  std::string_view passwd;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"protocolVersion", &ConnectRequest::protocolVersion},
        Field{"lastZxidSeen", &ConnectRequest::lastZxidSeen},
        Field{"timeOut", &ConnectRequest::timeOut},
        Field{"sessionId", &ConnectRequest::sessionId},
        Field{"passwd", &ConnectRequest::passwd}};
  }
  friend bool operator==(const ConnectRequest&,
                         const ConnectRequest&) = default;
};

struct ConnectResponse {
  int32_t protocolVersion = 0;
  int32_t timeOut = 0;
  int64_t sessionId = 0;
  std::string_view passwd;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"protocolVersion", &ConnectResponse::protocolVersion},
        Field{"timeOut", &ConnectResponse::timeOut},
        Field{"sessionId", &ConnectResponse::sessionId},
        Field{"passwd", &ConnectResponse::passwd}};
  }
  friend bool operator==(const ConnectResponse&,
                         const ConnectResponse&) = default;
};

struct RequestHeader {
  int32_t xid = 0;
  int32_t type = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"xid", &RequestHeader::xid},
                      Field{"type", &RequestHeader::type}};
  }
  friend bool operator==(const RequestHeader&, const RequestHeader&) = default;
};

struct ReplyHeader {
  int32_t xid = 0;
  int64_t zxid = 0;
  int32_t err = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"xid", &ReplyHeader::xid},
                      Field{"zxid", &ReplyHeader::zxid},
                      Field{"err", &ReplyHeader::err}};
  }
  friend bool operator==(const ReplyHeader&, const ReplyHeader&) = default;
};

struct MultiHeader {
  int32_t type = 0;
  bool done = false;
  int32_t err = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"type", &MultiHeader::type},
                      Field{"done", &MultiHeader::done},
                      Field{"err", &MultiHeader::err}};
  }
  friend bool operator==(const MultiHeader&, const MultiHeader&) = default;
};

struct AuthPacket {
  int32_t type = 0;
  std::string_view scheme;
  std::string_view auth;

  static constexpr auto Fields() {
    return std::tuple{Field{"type", &AuthPacket::type},
                      Field{"scheme", &AuthPacket::scheme},
                      Field{"auth", &AuthPacket::auth}};
  }
  friend bool operator==(const AuthPacket&, const AuthPacket&) = default;
};

struct SetWatches {
  int64_t relativeZxid = 0;
  std::vector<std::string_view> dataWatches;
  std::vector<std::string_view> existWatches;
  std::vector<std::string_view> childWatches;

  static constexpr auto Fields() {
    return std::tuple{Field{"relativeZxid", &SetWatches::relativeZxid},
                      Field{"dataWatches", &SetWatches::dataWatches},
                      Field{"existWatches", &SetWatches::existWatches},
                      Field{"childWatches", &SetWatches::childWatches}};
  }
  friend bool operator==(const SetWatches&, const SetWatches&) = default;
};

struct SetWatches2 {
  int64_t relativeZxid = 0;
  std::vector<std::string_view> dataWatches;
  std::vector<std::string_view> existWatches;
  std::vector<std::string_view> childWatches;
  std::vector<std::string_view> persistentWatches;
  std::vector<std::string_view> persistentRecursiveWatches;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"relativeZxid", &SetWatches2::relativeZxid},
        Field{"dataWatches", &SetWatches2::dataWatches},
        Field{"existWatches", &SetWatches2::existWatches},
        Field{"childWatches", &SetWatches2::childWatches},
        Field{"persistentWatches", &SetWatches2::persistentWatches},
        Field{"persistentRecursiveWatches",
              &SetWatches2::persistentRecursiveWatches}};
  }
  friend bool operator==(const SetWatches2&, const SetWatches2&) = default;
};

struct GetDataRequest {
  std::string_view path;
  bool watch = false;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &GetDataRequest::path},
                      Field{"watch", &GetDataRequest::watch}};
  }
  friend bool operator==(const GetDataRequest&,
                         const GetDataRequest&) = default;
};

struct ExistsRequest {
  std::string_view path;
  bool watch = false;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &ExistsRequest::path},
                      Field{"watch", &ExistsRequest::watch}};
  }
  friend bool operator==(const ExistsRequest&, const ExistsRequest&) = default;
};

struct GetChildrenRequest {
  std::string_view path;
  bool watch = false;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &GetChildrenRequest::path},
                      Field{"watch", &GetChildrenRequest::watch}};
  }
  friend bool operator==(const GetChildrenRequest&,
                         const GetChildrenRequest&) = default;
};

struct GetChildren2Request {
  std::string_view path;
  bool watch = false;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &GetChildren2Request::path},
                      Field{"watch", &GetChildren2Request::watch}};
  }
  friend bool operator==(const GetChildren2Request&,
                         const GetChildren2Request&) = default;
};

struct SetDataRequest {
  std::string_view path;
  std::string_view data;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SetDataRequest::path},
                      Field{"data", &SetDataRequest::data},
                      Field{"version", &SetDataRequest::version}};
  }
  friend bool operator==(const SetDataRequest&,
                         const SetDataRequest&) = default;
};

struct CreateRequest {
  std::string_view path;
  std::string_view data;
  std::vector<ACL> acl;
  int32_t flags = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CreateRequest::path},
                      Field{"data", &CreateRequest::data},
                      Field{"acl", &CreateRequest::acl},
                      Field{"flags", &CreateRequest::flags}};
  }
  friend bool operator==(const CreateRequest&, const CreateRequest&) = default;
};

struct CreateTTLRequest {
  std::string_view path;
  std::string_view data;
  std::vector<ACL> acl;
  int32_t flags = 0;
  int64_t ttl = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CreateTTLRequest::path},
                      Field{"data", &CreateTTLRequest::data},
                      Field{"acl", &CreateTTLRequest::acl},
                      Field{"flags", &CreateTTLRequest::flags},
                      Field{"ttl", &CreateTTLRequest::ttl}};
  }
  friend bool operator==(const CreateTTLRequest&,
                         const CreateTTLRequest&) = default;
};

struct DeleteRequest {
  std::string_view path;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &DeleteRequest::path},
                      Field{"version", &DeleteRequest::version}};
  }
  friend bool operator==(const DeleteRequest&, const DeleteRequest&) = default;
};

struct CheckVersionRequest {
  std::string_view path;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CheckVersionRequest::path},
                      Field{"version", &CheckVersionRequest::version}};
  }
  friend bool operator==(const CheckVersionRequest&,
                         const CheckVersionRequest&) = default;
};

struct DeleteContainerRequest {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &DeleteContainerRequest::path}};
  }
  friend bool operator==(const DeleteContainerRequest&,
                         const DeleteContainerRequest&) = default;
};

struct GetACLRequest {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &GetACLRequest::path}};
  }
  friend bool operator==(const GetACLRequest&, const GetACLRequest&) = default;
};

struct SyncRequest {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SyncRequest::path}};
  }
  friend bool operator==(const SyncRequest&, const SyncRequest&) = default;
};

struct GetAllChildrenNumberRequest {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &GetAllChildrenNumberRequest::path}};
  }
  friend bool operator==(const GetAllChildrenNumberRequest&,
                         const GetAllChildrenNumberRequest&) = default;
};

struct SetACLRequest {
  std::string_view path;
  std::vector<ACL> acl;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SetACLRequest::path},
                      Field{"acl", &SetACLRequest::acl},
                      Field{"version", &SetACLRequest::version}};
  }
  friend bool operator==(const SetACLRequest&, const SetACLRequest&) = default;
};

struct AddWatchRequest {
  std::string_view path;
  int32_t mode = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &AddWatchRequest::path},
                      Field{"mode", &AddWatchRequest::mode}};
  }
  friend bool operator==(const AddWatchRequest&,
                         const AddWatchRequest&) = default;
};

struct CheckWatchesRequest {
  std::string_view path;
  int32_t type = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CheckWatchesRequest::path},
                      Field{"type", &CheckWatchesRequest::type}};
  }
  friend bool operator==(const CheckWatchesRequest&,
                         const CheckWatchesRequest&) = default;
};

struct RemoveWatchesRequest {
  std::string_view path;
  int32_t type = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &RemoveWatchesRequest::path},
                      Field{"type", &RemoveWatchesRequest::type}};
  }
  friend bool operator==(const RemoveWatchesRequest&,
                         const RemoveWatchesRequest&) = default;
};

struct GetEphemeralsRequest {
  std::string_view prefixPath;

  static constexpr auto Fields() {
    return std::tuple{Field{"prefixPath", &GetEphemeralsRequest::prefixPath}};
  }
  friend bool operator==(const GetEphemeralsRequest&,
                         const GetEphemeralsRequest&) = default;
};

struct GetSASLRequest {
  std::string_view token;

  static constexpr auto Fields() {
    return std::tuple{Field{"token", &GetSASLRequest::token}};
  }
  friend bool operator==(const GetSASLRequest&,
                         const GetSASLRequest&) = default;
};

struct ReconfigRequest {
  std::string_view joiningServers;
  std::string_view leavingServers;
  std::string_view newMembers;
  int64_t curConfigId = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"joiningServers", &ReconfigRequest::joiningServers},
                      Field{"leavingServers", &ReconfigRequest::leavingServers},
                      Field{"newMembers", &ReconfigRequest::newMembers},
                      Field{"curConfigId", &ReconfigRequest::curConfigId}};
  }
  friend bool operator==(const ReconfigRequest&,
                         const ReconfigRequest&) = default;
};

struct WatcherEvent {
  int32_t type = 0;
  int32_t state = 0;
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"type", &WatcherEvent::type},
                      Field{"state", &WatcherEvent::state},
                      Field{"path", &WatcherEvent::path}};
  }
  friend bool operator==(const WatcherEvent&, const WatcherEvent&) = default;
};

struct ErrorResponse {
  int32_t err = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"err", &ErrorResponse::err}};
  }
  friend bool operator==(const ErrorResponse&, const ErrorResponse&) = default;
};

struct CreateResponse {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CreateResponse::path}};
  }
  friend bool operator==(const CreateResponse&,
                         const CreateResponse&) = default;
};

struct SyncResponse {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SyncResponse::path}};
  }
  friend bool operator==(const SyncResponse&, const SyncResponse&) = default;
};

struct Create2Response {
  std::string_view path;
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &Create2Response::path},
                      Field{"stat", &Create2Response::stat}};
  }
  friend bool operator==(const Create2Response&,
                         const Create2Response&) = default;
};

struct SetDataResponse {
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"stat", &SetDataResponse::stat}};
  }
  friend bool operator==(const SetDataResponse&,
                         const SetDataResponse&) = default;
};

struct SetACLResponse {
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"stat", &SetACLResponse::stat}};
  }
  friend bool operator==(const SetACLResponse&,
                         const SetACLResponse&) = default;
};

struct ExistsResponse {
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"stat", &ExistsResponse::stat}};
  }
  friend bool operator==(const ExistsResponse&,
                         const ExistsResponse&) = default;
};

struct GetDataResponse {
  std::string_view data;
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"data", &GetDataResponse::data},
                      Field{"stat", &GetDataResponse::stat}};
  }
  friend bool operator==(const GetDataResponse&,
                         const GetDataResponse&) = default;
};

struct GetACLResponse {
  std::vector<ACL> acl;
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"acl", &GetACLResponse::acl},
                      Field{"stat", &GetACLResponse::stat}};
  }
  friend bool operator==(const GetACLResponse&,
                         const GetACLResponse&) = default;
};

struct GetChildrenResponse {
  std::vector<std::string_view> children;

  static constexpr auto Fields() {
    return std::tuple{Field{"children", &GetChildrenResponse::children}};
  }
  friend bool operator==(const GetChildrenResponse&,
                         const GetChildrenResponse&) = default;
};

struct GetChildren2Response {
  std::vector<std::string_view> children;
  Stat stat;

  static constexpr auto Fields() {
    return std::tuple{Field{"children", &GetChildren2Response::children},
                      Field{"stat", &GetChildren2Response::stat}};
  }
  friend bool operator==(const GetChildren2Response&,
                         const GetChildren2Response&) = default;
};

struct GetAllChildrenNumberResponse {
  int32_t totalNumber = 0;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"totalNumber", &GetAllChildrenNumberResponse::totalNumber}};
  }
  friend bool operator==(const GetAllChildrenNumberResponse&,
                         const GetAllChildrenNumberResponse&) = default;
};

struct GetEphemeralsResponse {
  std::vector<std::string_view> ephemerals;

  static constexpr auto Fields() {
    return std::tuple{Field{"ephemerals", &GetEphemeralsResponse::ephemerals}};
  }
  friend bool operator==(const GetEphemeralsResponse&,
                         const GetEphemeralsResponse&) = default;
};

struct SetSASLResponse {
  std::string_view token;

  static constexpr auto Fields() {
    return std::tuple{Field{"token", &SetSASLResponse::token}};
  }
  friend bool operator==(const SetSASLResponse&,
                         const SetSASLResponse&) = default;
};

struct WhoAmIResponse {
  std::vector<ClientInfo> clientInfo;

  static constexpr auto Fields() {
    return std::tuple{Field{"clientInfo", &WhoAmIResponse::clientInfo}};
  }
  friend bool operator==(const WhoAmIResponse&,
                         const WhoAmIResponse&) = default;
};

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_PROTO_H_

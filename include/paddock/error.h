// ZooKeeper's result codes, as they travel in reply headers
// (client-protocol.md chapter 14).

#ifndef PADDOCK_ERROR_H_
#define PADDOCK_ERROR_H_

#include <cstdint>
#include <string_view>

namespace paddock {

enum class Error : int32_t {
  kOk = 0,
  kRuntimeInconsistency = -2,
  kMarshallingError = -5,
  kUnimplemented = -6,
  kBadArguments = -8,
  kUnknownSession = -12,
  kNoNode = -101,
  kNoAuth = -102,
  kBadVersion = -103,
  kNoChildrenForEphemerals = -108,
  kNodeExists = -110,
  kNotEmpty = -111,
  kSessionExpired = -112,
  kInvalidAcl = -114,
  kAuthFailed = -115,
  kSessionMoved = -118,  // Never sent: the connection is closed instead
  kNotReadOnly = -119,
  kNoWatcher = -121,
  kReconfigDisabled = -123,
  kSessionClosedRequireSaslAuth = -124,
  kQuotaExceeded = -125,
  kThrottledOp = -127,
};

// The code's ZooKeeper name, such as "NONODE"; "UNKNOWN" for other values.
std::string_view ErrorName(Error error);

}  // namespace paddock

#endif  // PADDOCK_ERROR_H_

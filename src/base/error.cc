#include "paddock/error.h"

namespace paddock {

std::string_view ErrorName(Error error) {
  switch (error) {
    case Error::kOk:
      return "OK";
    case Error::kRuntimeInconsistency:
      return "RUNTIMEINCONSISTENCY";
    case Error::kMarshallingError:
      return "MARSHALLINGERROR";
    case Error::kUnimplemented:
      return "UNIMPLEMENTED";
    case Error::kBadArguments:
      return "BADARGUMENTS";
    case Error::kUnknownSession:
      return "UNKNOWNSESSION";
    case Error::kNoNode:
      return "NONODE";
    case Error::kNoAuth:
      return "NOAUTH";
    case Error::kBadVersion:
      return "BADVERSION";
    case Error::kNoChildrenForEphemerals:
      return "NOCHILDRENFOREPHEMERALS";
    case Error::kNodeExists:
      return "NODEEXISTS";
    case Error::kNotEmpty:
      return "NOTEMPTY";
    case Error::kSessionExpired:
      return "SESSIONEXPIRED";
    case Error::kInvalidAcl:
      return "INVALIDACL";
    case Error::kAuthFailed:
      return "AUTHFAILED";
    case Error::kSessionMoved:
      return "SESSIONMOVED";
    case Error::kNotReadOnly:
      return "NOTREADONLY";
    case Error::kNoWatcher:
      return "NOWATCHER";
    case Error::kReconfigDisabled:
      return "RECONFIGDISABLED";
    case Error::kSessionClosedRequireSaslAuth:
      return "SESSIONCLOSEDREQUIRESASLAUTH";
    case Error::kQuotaExceeded:
      return "QUOTAEXCEEDED";
    case Error::kThrottledOp:
      return "THROTTLEDOP";
  }
  return "UNKNOWN";
}

}  // namespace paddock

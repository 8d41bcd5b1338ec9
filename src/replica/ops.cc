#include "replica/ops.h"

#include <array>
#include <iterator>
#include <string>

namespace paddock::replica {
namespace {

using jute::OpCode;

Error RefuseThrottled(const Reader& /*reader*/, std::string_view /*body*/,
                      std::string* /*out*/) {
  return Error::kThrottledOp;
}

constexpr Op kOps[] = {
    {OpCode::kCreate, OpKind::kWrite, "CREA", "create"},
    {OpCode::kDelete, OpKind::kWrite, "DELE", "delete"},
    {OpCode::kExists, OpKind::kRead, "EXIS", "exists", Exists},
    {OpCode::kGetData, OpKind::kRead, "GETD", "get_data", GetData},
    {OpCode::kSetData, OpKind::kWrite, "SETD", "set_data"},
    {OpCode::kGetAcl, OpKind::kRead, "GETA", "get_acl", GetAcl},
    {OpCode::kSetAcl, OpKind::kWrite, "SETA", "set_acl"},
    {OpCode::kGetChildren, OpKind::kRead, "GETC", "get_children", GetChildren},
    {OpCode::kSync, OpKind::kSync, "SYNC", "sync", Sync},
    {OpCode::kPing, OpKind::kPing, "PING", "ping"},
    {OpCode::kGetChildren2, OpKind::kRead, "GETC", "get_children",
     GetChildren2},
    {OpCode::kMulti, OpKind::kWrite, "MULT", "multi"},
    {OpCode::kCreate2, OpKind::kWrite, "CREA", "create"},
    {OpCode::kReconfig, OpKind::kWrite, "RECO", "reconfig"},
    {OpCode::kCheckWatches, OpKind::kRead, "CHKW", "check_watches",
     CheckWatches},
    {OpCode::kRemoveWatches, OpKind::kRead, "REMW", "remove_watches",
     RemoveWatches},
    {OpCode::kCreateContainer, OpKind::kWrite, "CREA", "create"},
    {OpCode::kDeleteContainer, OpKind::kWrite, "DELE", "delete"},
    {OpCode::kCreateTtl, OpKind::kWrite, "CREA", "create"},
    {OpCode::kMultiRead, OpKind::kRead, "MLTR", "multi_read", MultiRead},
    {OpCode::kAuth, OpKind::kAuth, "NA", ""},
    {OpCode::kSetWatches, OpKind::kRead, "SETW", "set_watches", SetWatches},
    {OpCode::kSasl, OpKind::kSasl, "NA", ""},
    {OpCode::kGetEphemerals, OpKind::kRead, "GETE", "get_ephemerals",
     GetEphemerals},
    {OpCode::kGetAllChildrenNumber, OpKind::kRead, "GETACN",
     "get_all_children_number", GetAllChildrenNumber},
    {OpCode::kSetWatches2, OpKind::kRead, "STW2", "set_watches", SetWatches2},
    {OpCode::kAddWatch, OpKind::kRead, "ADDW", "add_watch", AddWatch},
    {OpCode::kWhoAmI, OpKind::kRead, "HOMI", "who_am_i", WhoAmI},
    {OpCode::kCreateSession, OpKind::kSession, "SESS", "create_session"},
    {OpCode::kCloseSession, OpKind::kClose, "CLOS", "close_session"},
    // Last: what ThrottledOp() returns.
    {OpCode::kError, OpKind::kRead, "NA", "", RefuseThrottled},
};
constexpr absl::Span<const Op> kClientOps(kOps, std::size(kOps) - 1);

// Index into kOps by code, -1 where there is none.
constexpr int32_t kLowestCode = static_cast<int32_t>(OpCode::kCloseSession);
constexpr auto kByCode = [] {
  std::array<int8_t, 128> table{};
  table.fill(-1);
  int8_t index = 0;
  for (const Op& op : kClientOps) {
    table[static_cast<size_t>(static_cast<int32_t>(op.code) - kLowestCode)] =
        index++;
  }
  return table;
}();

}  // namespace

const Op* FindOp(int32_t code) {
  const int64_t slot = int64_t{code} - kLowestCode;
  if (slot < 0 || slot >= static_cast<int64_t>(kByCode.size())) {
    return nullptr;
  }
  const int8_t index = kByCode[static_cast<size_t>(slot)];
  return index < 0 ? nullptr : &kOps[index];
}

absl::Span<const Op> AllOps() { return kClientOps; }

const Op& ThrottledOp() { return kOps[kClientOps.size()]; }

size_t OpIndex(const Op& op) { return static_cast<size_t>(&op - kOps); }

}  // namespace paddock::replica

#include "sim/truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "jute/archive.h"
#include "tree/path.h"

namespace paddock::sim {
namespace {

using jute::OpCode;
using tree::EventType;

constexpr size_t kSequenceDigits = 10;
constexpr int64_t kContainerNeverUsedMs = 5 * 60 * 1000;

bool IsSequential(int32_t flags) { return flags == 2 || flags == 3; }

template <class Items>
auto UpTo(Items& items, int64_t zxid) {
  return std::upper_bound(
      items.begin(), items.end(), zxid,
      [](int64_t z, const auto& item) { return z < item.zxid; });
}

std::string Text(const jute::TxnHeader& header) {
  return fmt::format("transaction {:#x} of session {:#x}, cxid {}, type {}",
                     header.zxid, header.clientId, header.cxid, header.type);
}

}  // namespace

Truth::Truth() {
  const tree::DataTree fresh{tree::TreeOptions()};
  fresh.ForEach([&](const tree::Znode& node) {
    State& state = znodes_[std::string(node.path())].emplace_back();
    state.exists = true;
    state.data = std::string(node.data());
    state.stat = fresh.StatOf(node);
    state.creates = node.stat().cversion;
  });
  txns_.emplace_back();
}

std::optional<std::string> Truth::Committed(const zab::Txn& txn,
                                            int64_t before) {
  const int64_t zxid = txn.zxid.ToWire();
  const uint64_t hash = std::hash<std::string>()(txn.bytes);
  if (zxid <= last_zxid()) {
    const auto known = UpTo(txns_, zxid) - 1;
    if (known->zxid != zxid || known->hash != hash ||
        (known - 1)->zxid != before) {
      return fmt::format("Agreement: {:#x} behind {:#x} is not what others did",
                         zxid, before);
    }
    return std::nullopt;
  }
  if (before != last_zxid()) {
    return fmt::format("Agreement: {:#x} behind {:#x}, not behind {:#x}", zxid,
                       before, last_zxid());
  }
  jute::InputArchive in(txn.bytes);
  Txn& added = txns_.emplace_back();
  added.zxid = zxid;
  added.hash = hash;
  std::string_view record = txn.bytes;
  std::vector<tree::Operation> operations;
  if (!jute::Read(in, &added.header)) {
    return fmt::format("{:#x} cannot be decoded", zxid);
  }
  record.remove_prefix(record.size() - in.remaining());
  int32_t timeout_ms = 0;
  const auto type = OpCode{added.header.type};
  if (type == OpCode::kCreateSession) {
    timeout_ms = jute::InputArchive(record).ReadInt();
  }
  if (!tree::DecodeTxn(added.header.type, &record, &operations)) {
    return fmt::format("{:#x} cannot be decoded", zxid);
  }
  if (type == OpCode::kError) {
    added.error = operations.front().error;
  }
  if (auto wrong = LookAtSession(added.header, added.error)) {
    return wrong;
  }
  if (type == OpCode::kCreateSession) {
    sessions_[added.header.clientId] = {.opened = zxid,
                                        .timeout_ms = timeout_ms};
    return std::nullopt;
  }
  if (type == OpCode::kCloseSession) {
    return Close(added.header, operations);
  }
  for (const tree::Operation& op : operations) {
    if (auto wrong = Apply(added.header, op)) {
      return fmt::format("{}: {}", Text(added.header), *wrong);
    }
  }
  return std::nullopt;
}

// What a session asks for takes effect in the order in which it asks.
std::optional<std::string> Truth::LookAtSession(const jute::TxnHeader& header,
                                                Error error) {
  const auto it = sessions_.find(header.clientId);
  if (OpCode{header.type} == OpCode::kCreateSession) {
    return it == sessions_.end()
               ? std::nullopt
               : std::optional("SessionIds: opened twice: " + Text(header));
  }
  if (header.clientId == 0 || error == Error::kSessionMoved ||
      error == Error::kSessionExpired) {
    return std::nullopt;
  }
  if (it == sessions_.end() || it->second.closed != 0) {
    return "Sessions: there is no such session: " + Text(header);
  }
  if (header.cxid != 0) {
    if (header.cxid <= it->second.last_cxid) {
      return fmt::format("SessionOrder: {} behind cxid {}", Text(header),
                         it->second.last_cxid);
    }
    it->second.last_cxid = header.cxid;
  }
  return std::nullopt;
}

std::optional<std::string> Truth::Close(
    const jute::TxnHeader& header,
    const std::vector<tree::Operation>& deletions) {
  sessions_.at(header.clientId).closed = header.zxid;
  std::set<std::string> owned;
  for (const auto& [path, states] : znodes_) {
    if (states.back().exists &&
        states.back().stat.ephemeralOwner == header.clientId) {
      owned.insert(path);
    }
  }
  std::set<std::string> deleted;
  for (const tree::Operation& op : deletions) {
    deleted.insert(std::string(op.path));
  }
  if (deleted != owned) {
    return fmt::format("Ephemerals: {} deletes {}, and owns {} znodes",
                       Text(header), deleted.size(), owned.size());
  }
  for (const std::string& path : owned) {
    if (auto wrong = Delete(header, path)) {
      return wrong;
    }
  }
  return std::nullopt;
}

std::optional<std::string> Truth::Apply(const jute::TxnHeader& header,
                                        const tree::Operation& op) {
  switch (op.type) {
    case OpCode::kCreate:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return Create(header, op);
    case OpCode::kSetData:
      return SetData(header, op);
    case OpCode::kDelete:
      return Delete(header, op.path);
    case OpCode::kDeleteContainer: {
      const State* const node = At(op.path, header.zxid);
      const int64_t age_ms =
          node == nullptr ? 0 : header.time - node->stat.mtime;
      const bool is_due =
          node != nullptr &&
          (node->is_container
               ? node->creates > 0 || age_ms > kContainerNeverUsedMs
               : node->ttl_ms > 0 && age_ms > node->ttl_ms);
      if (!is_due) {
        return fmt::format("Sweeper: {} is not due", op.path);
      }
      return Delete(header, op.path);
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::string> Truth::Create(const jute::TxnHeader& header,
                                         const tree::Operation& op) {
  const std::string path(op.path);
  const std::string parent(tree::ParentPath(path));
  const State* const above = At(parent, header.zxid);
  if (above == nullptr || At(path, header.zxid) != nullptr ||
      above->creates + 1 != op.version) {
    return fmt::format("cannot create {}", path);
  }
  const bool has_number =
      path.size() > kSequenceDigits &&
      std::all_of(path.end() - kSequenceDigits, path.end(),
                  [](char c) { return c >= '0' && c <= '9'; });
  if (has_number && !sequential_.insert(path).second) {
    return fmt::format("SequenceNumbers: {} was there before", path);
  }
  State& state = Change(path, header.zxid);
  state = {.zxid = header.zxid,
           .exists = true,
           .data = std::string(op.data),
           .stat = {.czxid = header.zxid,
                    .mzxid = header.zxid,
                    .ctime = header.time,
                    .mtime = header.time,
                    .ephemeralOwner = op.ephemeral ? header.clientId : 0,
                    .dataLength = static_cast<int32_t>(op.data.size()),
                    .pzxid = header.zxid},
           .ttl_ms = op.type == OpCode::kCreateTtl ? op.ttl : 0,
           .is_container = op.type == OpCode::kCreateContainer};
  State& changed = Change(parent, header.zxid);
  changed.creates = op.version;
  ++changed.stat.cversion;
  ++changed.stat.numChildren;
  changed.stat.pzxid = header.zxid;
  Happens(path, header.zxid, EventType::kNodeCreated);
  Happens(parent, header.zxid, EventType::kNodeChildrenChanged);
  return std::nullopt;
}

std::optional<std::string> Truth::SetData(const jute::TxnHeader& header,
                                          const tree::Operation& op) {
  const State* const node = At(op.path, header.zxid);
  if (node == nullptr || op.version != node->stat.version + 1) {
    return fmt::format("cannot set {}", op.path);
  }
  State& changed = Change(op.path, header.zxid);
  changed.data = std::string(op.data);
  changed.stat.dataLength = static_cast<int32_t>(op.data.size());
  changed.stat.version = op.version;
  changed.stat.mzxid = header.zxid;
  changed.stat.mtime = header.time;
  Happens(op.path, header.zxid, EventType::kNodeDataChanged);
  return std::nullopt;
}

std::optional<std::string> Truth::Delete(const jute::TxnHeader& header,
                                         std::string_view path) {
  const State* const node = At(path, header.zxid);
  if (node == nullptr || node->stat.numChildren > 0) {
    return fmt::format("cannot delete {}", path);
  }
  Change(path, header.zxid).exists = false;
  const std::string_view parent = tree::ParentPath(path);
  State& changed = Change(parent, header.zxid);
  ++changed.stat.cversion;
  --changed.stat.numChildren;
  changed.stat.pzxid = header.zxid;
  Happens(path, header.zxid, EventType::kNodeDeleted);
  Happens(parent, header.zxid, EventType::kNodeChildrenChanged);
  return std::nullopt;
}

Truth::State& Truth::Change(std::string_view path, int64_t zxid) {
  std::vector<State>& states = znodes_[std::string(path)];
  if (states.empty() || states.back().zxid != zxid) {
    states.push_back(states.empty() ? State() : State(states.back()));
    states.back().zxid = zxid;
  }
  return states.back();
}

void Truth::Happens(std::string_view path, int64_t zxid, EventType type) {
  happenings_[std::string(path)].push_back({zxid, type});
}

const Truth::Txn* Truth::Find(int64_t zxid) const {
  const auto it = UpTo(txns_, zxid) - 1;
  return it->zxid == zxid ? &*it : nullptr;
}

const Truth::State* Truth::At(std::string_view path, int64_t zxid) const {
  const auto found = znodes_.find(path);
  if (found == znodes_.end()) {
    return nullptr;
  }
  const auto it = UpTo(found->second, zxid);
  return it == found->second.begin() || !(it - 1)->exists ? nullptr
                                                          : &*(it - 1);
}

std::vector<std::string> Truth::ChildrenAt(std::string_view path,
                                           int64_t zxid) const {
  const std::string prefix = path == "/" ? "/" : std::string(path) + "/";
  std::vector<std::string> names;
  for (auto it = znodes_.upper_bound(prefix);
       it != znodes_.end() && it->first.starts_with(prefix); ++it) {
    if (tree::ParentPath(it->first) == path && At(it->first, zxid) != nullptr) {
      names.push_back(it->first.substr(prefix.size()));
    }
  }
  return names;
}

std::optional<Truth::Happening> Truth::FirstAfter(std::string_view path,
                                                  int64_t zxid,
                                                  bool is_child) const {
  const auto found = happenings_.find(path);
  if (found == happenings_.end()) {
    return std::nullopt;
  }
  for (auto it = UpTo(found->second, zxid); it != found->second.end(); ++it) {
    if (it->type == EventType::kNodeDeleted ||
        (it->type == EventType::kNodeChildrenChanged) == is_child) {
      return *it;
    }
  }
  return std::nullopt;
}

int64_t Truth::CountAt(std::string_view path, EventType type,
                       int64_t zxid) const {
  const auto found = happenings_.find(path);
  if (found == happenings_.end()) {
    return 0;
  }
  return std::count_if(
      UpTo(found->second, zxid - 1), UpTo(found->second, zxid),
      [type](const Happening& happening) { return happening.type == type; });
}

std::vector<std::pair<std::string, Truth::Happening>> Truth::AllBetween(
    const std::string& path, bool is_recursive, int64_t after,
    int64_t through) const {
  std::vector<std::pair<std::string, Happening>> all;
  const auto add = [&](const std::string& at,
                       const std::vector<Happening>& happenings) {
    const auto end = UpTo(happenings, through);
    for (auto it = UpTo(happenings, after); it < end; ++it) {
      if (!is_recursive || it->type != EventType::kNodeChildrenChanged) {
        all.emplace_back(at, *it);
      }
    }
  };
  if (const auto it = happenings_.find(path); it != happenings_.end()) {
    add(path, it->second);
  }
  const std::string prefix = path == "/" ? path : path + "/";
  for (auto it = happenings_.upper_bound(prefix);
       is_recursive && it != happenings_.end() && it->first.starts_with(prefix);
       ++it) {
    add(it->first, it->second);
  }
  return all;
}

Outcome Truth::ExpectOne(const Request& request, int64_t zxid) const {
  const State* const node = At(request.path, zxid);
  switch (request.op) {
    case OpCode::kCreate:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl: {
      const State* const parent = At(tree::ParentPath(request.path), zxid);
      if (parent == nullptr) {
        return {Error::kNoNode};
      }
      if (IsSequential(request.flags)) {
        return {Error::kOk,
                fmt::format("{}{:010d}", request.path, parent->creates)};
      }
      return node != nullptr ? Outcome{Error::kNodeExists}
                             : Outcome{Error::kOk, request.path};
    }
    case OpCode::kDelete:
    case OpCode::kSetData:
    case OpCode::kCheck:
      if (node == nullptr) {
        return {Error::kNoNode};
      }
      if (request.version != -1 && request.version != node->stat.version) {
        return {Error::kBadVersion};
      }
      return {request.op == OpCode::kDelete && node->stat.numChildren > 0
                  ? Error::kNotEmpty
                  : Error::kOk};
    default:
      return {};
  }
}

std::vector<Outcome> Truth::Expect(const Request& request, int64_t zxid) const {
  if (request.op != OpCode::kMulti) {
    return {ExpectOne(request, zxid)};
  }
  std::vector<Outcome> outcomes;
  for (const Request& part : request.parts) {
    outcomes.push_back(ExpectOne(part, zxid));
  }
  const auto failed = std::find_if(
      outcomes.begin(), outcomes.end(),
      [](const Outcome& outcome) { return outcome.error != Error::kOk; });
  if (failed != outcomes.end()) {
    std::fill(outcomes.begin(), failed, Outcome());
    std::fill(failed + 1, outcomes.end(),
              Outcome{Error::kRuntimeInconsistency});
  }
  return outcomes;
}

std::optional<std::string> Truth::Compare(
    const tree::DataTree& tree, const tree::SessionTimeouts& sessions) const {
  const int64_t zxid = tree.last_zxid();
  std::optional<std::string> wrong;
  size_t count = 0;
  tree.ForEach([&](const tree::Znode& node) {
    ++count;
    const State* const state = At(node.path(), zxid);
    if (state == nullptr || state->data != node.data() ||
        !(state->stat == tree.StatOf(node))) {
      wrong = fmt::format("{} is not what it should be at {:#x}", node.path(),
                          zxid);
    }
  });
  size_t expected = 0;
  for (const auto& [path, states] : znodes_) {
    expected += At(path, zxid) != nullptr ? 1 : 0;
  }
  if (count != expected) {
    wrong = fmt::format("{} znodes, not {} at {:#x}", count, expected, zxid);
  }
  for (const auto& [id, session] : sessions_) {
    const bool lives = session.opened <= zxid &&
                       (session.closed == 0 || session.closed > zxid);
    if (lives != sessions.contains(id)) {
      wrong = fmt::format("session {:#x} {} at {:#x}", id,
                          lives ? "is lost" : "is still there", zxid);
    }
  }
  return wrong;
}

}  // namespace paddock::sim

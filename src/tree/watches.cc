#include "tree/watches.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "base/check.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

constexpr WatchKind kKinds[] = {WatchKind::kData, WatchKind::kChild,
                                WatchKind::kPersistent, WatchKind::kRecursive};

// The kinds that have an entry in a table.
constexpr uint8_t kDataTable = static_cast<uint8_t>(WatchKind::kData) |
                               static_cast<uint8_t>(WatchKind::kPersistent) |
                               static_cast<uint8_t>(WatchKind::kRecursive);
constexpr uint8_t kChildTable = static_cast<uint8_t>(WatchKind::kChild) |
                                static_cast<uint8_t>(WatchKind::kPersistent);

void SortUnique(std::vector<ConnectionId>* connections) {
  std::sort(connections->begin(), connections->end());
  connections->erase(std::unique(connections->begin(), connections->end()),
                     connections->end());
}

}  // namespace

WatchIndex& WatchTable::IndexOf(WatchKind kind) {
  switch (kind) {
    case WatchKind::kData:
      return data_;
    case WatchKind::kChild:
      return child_;
    case WatchKind::kPersistent:
      return persistent_;
    case WatchKind::kRecursive:
      break;
  }
  return recursive_;
}

const WatchIndex& WatchTable::IndexOf(WatchKind kind) const {
  return const_cast<WatchTable*>(this)->IndexOf(kind);
}

void WatchTable::Add(std::string_view path, ConnectionId connection,
                     WatchKind kind) {
  if (IndexOf(kind).Add(path, connection)) {
    CountEntry(path, connection, kind, 1);
  }
}

bool WatchTable::Has(std::string_view path, ConnectionId connection,
                     WatchKind kind) const {
  return IndexOf(kind).Contains(path, connection);
}

bool WatchTable::HasAny(std::string_view path, ConnectionId connection) const {
  return HasOneOf(kDataTable | kChildTable, path, connection);
}

bool WatchTable::Remove(std::string_view path, ConnectionId connection,
                        WatchKind kind) {
  if (!IndexOf(kind).Remove(path, connection)) {
    return false;
  }
  CountEntry(path, connection, kind, -1);
  return true;
}

bool WatchTable::RemoveAny(std::string_view path, ConnectionId connection) {
  bool removed = false;
  for (const WatchKind kind : kKinds) {
    removed |= Remove(path, connection, kind);
  }
  return removed;
}

void WatchTable::RemoveConnection(ConnectionId connection) {
  for (const WatchKind kind : kKinds) {
    IndexOf(kind).RemoveConnection(connection, [&](std::string_view path) {
      CountEntry(path, connection, kind, -1);
    });
  }
}

bool WatchTable::HasOneOf(uint8_t kinds, std::string_view path,
                          ConnectionId connection) const {
  return std::any_of(std::begin(kKinds), std::end(kKinds), [&](WatchKind kind) {
    return (kinds & static_cast<uint8_t>(kind)) != 0 &&
           IndexOf(kind).Contains(path, connection);
  });
}

void WatchTable::CountEntry(std::string_view path, ConnectionId connection,
                            WatchKind kind, int64_t change) {
  const auto bit = static_cast<uint8_t>(kind);
  if ((kDataTable & bit) != 0 &&
      !HasOneOf(kDataTable & ~bit, path, connection)) {
    data_entries_ += change;
  }
  if ((kChildTable & bit) != 0 &&
      !HasOneOf(kChildTable & ~bit, path, connection)) {
    child_entries_ += change;
  }
}

void WatchTable::Trigger(const Change& change,
                         absl::FunctionRef<void(const Notification&)> notify) {
  if (data_entries_ == 0 && child_entries_ == 0) {
    return;
  }
  const std::string_view path = change.path;
  TriggerData(path);
  switch (change.kind) {
    case Change::Kind::kDataChanged:
      Report(EventType::kNodeDataChanged, path, change.acl, notify);
      return;
    case Change::Kind::kCreated:
      Report(EventType::kNodeCreated, path, change.acl, notify);
      break;
    case Change::Kind::kDeleted:
      Report(EventType::kNodeDeleted, path, change.acl, notify);
      reached_before_.swap(reached_);
      TriggerChild(path);
      reached_.erase(std::remove_if(reached_.begin(), reached_.end(),
                                    [&](ConnectionId connection) {
                                      return std::binary_search(
                                          reached_before_.begin(),
                                          reached_before_.end(), connection);
                                    }),
                     reached_.end());
      Report(EventType::kNodeDeleted, path, change.acl, notify);
      break;
  }
  const std::string_view parent = ParentPath(path);
  TriggerChild(parent);
  Report(EventType::kNodeChildrenChanged, parent, change.parent_acl, notify);
}

void WatchTable::TakeOneShots(std::string_view path, WatchKind kind) {
  IndexOf(kind).Take(path, &reached_);
  if (persistent_.empty() && recursive_.empty()) {  // None has another there
    (kind == WatchKind::kChild ? child_entries_ : data_entries_) -=
        static_cast<int64_t>(reached_.size());
    return;
  }
  for (const ConnectionId connection : reached_) {
    CountEntry(path, connection, kind, -1);
  }
}

void WatchTable::TriggerData(std::string_view path) {
  reached_.clear();
  TakeOneShots(path, WatchKind::kData);
  const size_t one_shots = reached_.size();
  if (!persistent_.empty()) {
    persistent_.Collect(path, &reached_);
  }
  if (!recursive_.empty()) {
    for (std::string_view at = path; !at.empty(); at = ParentPath(at)) {
      recursive_.Collect(at, &reached_);
    }
  }
  if (reached_.size() > one_shots) {
    SortUnique(&reached_);
  }
}

void WatchTable::TriggerChild(std::string_view path) {
  reached_.clear();
  TakeOneShots(path, WatchKind::kChild);
  const size_t one_shots = reached_.size();
  if (!persistent_.empty()) {
    persistent_.Collect(path, &reached_);
  }
  if (reached_.size() > one_shots) {
    SortUnique(&reached_);
  }
}

void WatchTable::Report(
    EventType type, std::string_view path, const AclList* acl,
    absl::FunctionRef<void(const Notification&)> notify) const {
  if (!reached_.empty()) {
    notify({reached_, type, path, acl});
  }
}

WatchTable::Summary WatchTable::DataSummary() const {
  Summary summary;
  summary.watches = data_entries_;
  summary.paths = static_cast<int64_t>(data_.path_count());
  summary.connections = static_cast<int64_t>(data_.connection_count());
  persistent_.ForEachPath([&](std::string_view path) {
    summary.paths += data_.ContainsPath(path) ? 0 : 1;
  });
  recursive_.ForEachPath([&](std::string_view path) {
    const bool known =
        data_.ContainsPath(path) || persistent_.ContainsPath(path);
    summary.paths += known ? 0 : 1;
  });
  persistent_.ForEachConnection([&](ConnectionId connection) {
    summary.connections += data_.ContainsConnection(connection) ? 0 : 1;
  });
  recursive_.ForEachConnection([&](ConnectionId connection) {
    const bool known = data_.ContainsConnection(connection) ||
                       persistent_.ContainsConnection(connection);
    summary.connections += known ? 0 : 1;
  });
  return summary;
}

std::vector<std::pair<std::string_view, std::vector<ConnectionId>>>
WatchTable::DataWatchesByPath() const {
  std::vector<std::string_view> paths;
  const WatchIndex* const indexes[] = {&data_, &persistent_, &recursive_};
  for (const WatchIndex* index : indexes) {
    index->ForEachPath([&](std::string_view path) { paths.push_back(path); });
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());

  std::vector<std::pair<std::string_view, std::vector<ConnectionId>>> watches;
  watches.reserve(paths.size());
  for (const std::string_view path : paths) {
    std::vector<ConnectionId>& connections =
        watches.emplace_back(path, std::vector<ConnectionId>()).second;
    for (const WatchIndex* index : indexes) {
      index->Collect(path, &connections);
    }
    SortUnique(&connections);
  }
  return watches;
}

size_t WatchTable::memory_bytes() const {
  return data_.memory_bytes() + child_.memory_bytes() +
         persistent_.memory_bytes() + recursive_.memory_bytes();
}

void WatchTable::CheckInvariants() const {
  for (const WatchKind kind : kKinds) {
    IndexOf(kind).CheckInvariants();
  }
  int64_t data_entries = 0;
  std::set<ConnectionId> connections;
  const auto by_path = DataWatchesByPath();
  for (const auto& [path, watchers] : by_path) {
    data_entries += static_cast<int64_t>(watchers.size());
    connections.insert(watchers.begin(), watchers.end());
  }
  CHECK_EQ(data_entries, data_entries_);
  const Summary summary = DataSummary();
  CHECK_EQ(static_cast<size_t>(summary.paths), by_path.size());
  CHECK_EQ(static_cast<size_t>(summary.connections), connections.size());

  int64_t child_entries = static_cast<int64_t>(child_.size());
  persistent_.ForEachPath([&](std::string_view path) {
    std::vector<ConnectionId> watchers;
    persistent_.Collect(path, &watchers);
    child_entries += std::count_if(
        watchers.begin(), watchers.end(),
        [&](ConnectionId id) { return !child_.Contains(path, id); });
  });
  CHECK_EQ(child_entries, child_entries_);
}

}  // namespace paddock::tree

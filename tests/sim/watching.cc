#include "sim/watching.h"

#include <fmt/format.h>

#include <algorithm>

namespace paddock::sim {
namespace {

using tree::EventType;

std::string Text(EventType type, const std::string& path, int64_t zxid) {
  return fmt::format("event {} of {} at {:#x}", static_cast<int32_t>(type),
                     path, zxid);
}

}  // namespace

void Watching::Set(const std::string& path, bool is_child, int64_t zxid) {
  watches_[{path, is_child}] = {zxid,
                                !is_child && truth_.At(path, zxid) == nullptr};
}

void Watching::SetPersistent(const std::string& path, bool is_recursive,
                             int64_t zxid) {
  persistent_.try_emplace(path, Persistent{zxid, is_recursive});
}

bool Watching::IsPersistent(EventType type, const std::string& path,
                            int64_t zxid) const {
  return std::any_of(persistent_.begin(), persistent_.end(),
                     [&](const auto& entry) {
                       const auto& [watched, watch] = entry;
                       if (watch.since >= zxid) {
                         return false;
                       }
                       if (!watch.is_recursive) {
                         return path == watched;
                       }
                       return type != EventType::kNodeChildrenChanged &&
                              (path == watched || watched == "/" ||
                               path.starts_with(watched + "/"));
                     });
}

std::optional<std::string> Watching::OnEvent(EventType type,
                                             const std::string& path,
                                             int64_t zxid) {
  if (!is_armed_) {
    missed_.emplace_back(type, path);
    return zxid == -1
               ? std::nullopt
               : std::optional("Watches: too early: " + Text(type, path, zxid));
  }
  bool is_due = IsPersistent(type, path, zxid) &&
                ++told_[{zxid, type, path}] <= truth_.CountAt(path, type, zxid);
  for (const bool is_child : {false, true}) {
    const auto it = watches_.find({path, is_child});
    if (it == watches_.end()) {
      continue;
    }
    const auto first = truth_.FirstAfter(path, it->second.since, is_child);
    if (first.has_value() && first->zxid == zxid && first->type == type) {
      is_due = true;
      watches_.erase(it);
    }
  }
  return is_due ? std::nullopt
                : std::optional("Watches: nobody waits for " +
                                Text(type, path, zxid));
}

std::optional<std::string> Watching::CheckPersistent(int64_t zxid) {
  for (const auto& [path, watch] : persistent_) {
    for (const auto& [at, happening] : truth_.AllBetween(
             path, watch.is_recursive, std::max(checked_, watch.since), zxid)) {
      const auto told = told_.find({happening.zxid, happening.type, at});
      if (told == told_.end() ||
          told->second != truth_.CountAt(at, happening.type, happening.zxid)) {
        return fmt::format(
            "Watches: a reply at {:#x} comes before each persistent {}", zxid,
            Text(happening.type, at, happening.zxid));
      }
    }
  }
  checked_ = zxid;
  std::erase_if(told_, [zxid](const auto& told) {
    return std::get<0>(told.first) <= zxid;
  });
  return std::nullopt;
}

std::optional<std::string> Watching::OnReply(int64_t zxid) {
  if (!is_armed_) {
    return std::nullopt;
  }
  for (const auto& [key, watch] : watches_) {
    const auto first = truth_.FirstAfter(key.first, watch.since, key.second);
    if (first.has_value() && first->zxid <= zxid) {
      return fmt::format("Watches: a reply at {:#x} comes before the {}", zxid,
                         Text(first->type, key.first, first->zxid));
    }
  }
  return CheckPersistent(zxid);
}

void Watching::Disconnect() {
  for (const auto& [type, path] : missed_) {
    const bool is_child = type == EventType::kNodeChildrenChanged;
    if (watches_.erase({path, is_child}) == 0) {
      watches_.erase({path, !is_child});
    }
  }
  missed_.clear();
  told_.clear();
  is_armed_ = IsEmpty();
}

jute::SetWatches2 Watching::Renew(int64_t last_zxid) {
  renewed_from_ = last_zxid;
  jute::SetWatches2 request{.relativeZxid = last_zxid};
  for (const auto& [key, watch] : watches_) {
    (key.second              ? request.childWatches
     : watch.is_for_creation ? request.existWatches
                             : request.dataWatches)
        .push_back(key.first);
  }
  for (const auto& [path, watch] : persistent_) {
    (watch.is_recursive ? request.persistentRecursiveWatches
                        : request.persistentWatches)
        .push_back(path);
  }
  return request;
}

std::optional<EventType> Watching::Missed(const Key& key, const Watch& watch,
                                          int64_t zxid) const {
  const Truth::State* const node = truth_.At(key.first, zxid);
  if (watch.is_for_creation) {
    return node == nullptr ? std::nullopt
                           : std::optional(EventType::kNodeCreated);
  }
  if (node == nullptr) {
    return EventType::kNodeDeleted;
  }
  if (key.second) {
    return node->stat.pzxid > renewed_from_
               ? std::optional(EventType::kNodeChildrenChanged)
               : std::nullopt;
  }
  return node->stat.mzxid > renewed_from_
             ? std::optional(EventType::kNodeDataChanged)
             : std::nullopt;
}

std::optional<std::string> Watching::OnSetWatchesReply(int64_t zxid) {
  std::vector<Event> expected;
  for (auto it = watches_.begin(); it != watches_.end();) {
    if (const auto missed = Missed(it->first, it->second, zxid)) {
      expected.emplace_back(*missed, it->first.first);
      it = watches_.erase(it);
    } else {
      it->second.since = zxid;
      ++it;
    }
  }
  for (auto& [path, watch] : persistent_) {
    watch.since = zxid;
  }
  std::sort(expected.begin(), expected.end());
  std::sort(missed_.begin(), missed_.end());
  const bool is_right = expected == missed_;
  const size_t told = missed_.size();
  missed_.clear();
  is_armed_ = true;
  return is_right ? std::nullopt
                  : std::optional(fmt::format(
                        "Watches: told of {} events missed from {:#x} to "
                        "{:#x}, not of {}",
                        told, renewed_from_, zxid, expected.size()));
}

void Watching::Forget() {
  watches_.clear();
  persistent_.clear();
  told_.clear();
  missed_.clear();
  is_armed_ = true;
}

}  // namespace paddock::sim

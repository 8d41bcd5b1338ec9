// The side of DataTree that keeps quotas (client-protocol.md chapter 8).

#include "base/check.h"
#include "fmt/format.h"
#include "tree/data_tree.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

// The path on which the znode `path`, when its name is `name`, says something
// about a quota: "/a" for "/zookeeper/quota/a/zookeeper_limits".  "" when it
// says nothing; a quota on "/" has no effect.
std::string_view QuotaPathOf(std::string_view path, std::string_view name) {
  if (!IsAtOrBelow(path, kQuotaPath) || BaseName(path) != name) {
    return "";
  }
  return ParentPath(path).substr(kQuotaPath.size());
}

std::string QuotaNodePath(std::string_view quota_path, std::string_view name) {
  return fmt::format("{}{}/{}", kQuotaPath, quota_path, name);
}

}  // namespace

std::optional<QuotaState> DataTree::QuotaFor(std::string_view path) const {
  const std::string_view quota_path = DeepestQuota(path);
  if (quota_path.empty()) {
    return std::nullopt;
  }
  const Znode* const limits = Find(QuotaNodePath(quota_path, kLimitsName));
  const Znode* const stats = Find(QuotaNodePath(quota_path, kStatsName));
  CHECK(limits != nullptr);
  const QuotaState malformed{.path = std::string(quota_path),
                             .malformed = true};
  const auto limits_text =
      jute::IsNull(limits->data()) ? std::nullopt : ParseQuota(limits->data());
  if (!limits_text) {
    return malformed;
  }
  if (stats == nullptr) {
    return std::nullopt;
  }
  const auto stats_text = ParseQuota(stats->data());
  if (!stats_text) {
    return malformed;
  }
  return QuotaState{std::string(quota_path), *limits_text, *stats_text};
}

std::string_view DataTree::QuotaLimitedBy(std::string_view path) {
  return QuotaPathOf(path, kLimitsName);
}

void DataTree::RestoreQuotas() {
  std::vector<std::string> limited;
  ForEachBelow(*Find(kQuotaPath), [&](const Znode& node) {
    if (node.name() == kLimitsName) {
      limited.emplace_back(QuotaLimitedBy(node.path()));
    }
  });
  for (const std::string& quota_path : limited) {
    if (!quota_path.empty()) {
      quotas_.insert(quota_path);
    }
    RecountQuota(quota_path);
  }
}

std::string_view DataTree::DeepestQuota(std::string_view path) const {
  if (quotas_.empty()) {
    return "";
  }
  while (path.size() > 1 && !quotas_.contains(path)) {
    path = ParentPath(path);
  }
  return path.size() > 1 ? path : "";
}

void DataTree::AccountQuota(std::string_view path, int64_t count,
                            int64_t bytes) {
  const std::string_view quota_path = DeepestQuota(path);
  if (quota_path.empty() || (count == 0 && bytes == 0)) {
    return;
  }
  Znode* const stats = FindMutable(QuotaNodePath(quota_path, kStatsName));
  if (stats == nullptr) {
    return;
  }
  // Clients may write any text to the node; what is no usage stays alone.
  if (std::optional<QuotaText> usage = ParseQuota(stats->data())) {
    usage->AddUsage(count, bytes);
    Touch(stats);
    ReplaceData(stats, FormatQuota(*usage));
  }
}

void DataTree::NoteQuotaNodeCreated(std::string_view path) {
  const std::string_view limits_of = QuotaLimitedBy(path);
  if (!limits_of.empty()) {
    quotas_.emplace(limits_of);
  }
  if (IsAtOrBelow(path, kQuotaPath) && BaseName(path) == kStatsName) {
    RecountQuota(QuotaPathOf(path, kStatsName));
  }
}

void DataTree::NoteQuotaNodeDeleted(std::string_view path) {
  const std::string_view limits_of = QuotaLimitedBy(path);
  if (!limits_of.empty()) {
    quotas_.erase(std::string(limits_of));
  }
}

void DataTree::RecountQuota(std::string_view quota_path) {
  Znode* const stats = FindMutable(QuotaNodePath(quota_path, kStatsName));
  if (stats == nullptr) {
    return;
  }
  QuotaText usage{.count = 0, .bytes = 0};
  const Znode* const top = Find(quota_path.empty() ? "/" : quota_path);
  if (top != nullptr) {
    ForEachBelow(*top, [&](const Znode& node) {
      usage.AddUsage(1, static_cast<int64_t>(node.data().size()));
    });
  }
  Touch(stats);
  ReplaceData(stats, FormatQuota(usage));
}

}  // namespace paddock::tree

#include "replica/metrics.h"

#include <cmath>
#include <iterator>
#include <map>
#include <optional>

#include "fmt/format.h"
#include "tree/path.h"
#include "tree/quotas.h"

namespace paddock::replica {
namespace {

template <class Value>
void AppendLine(std::string_view name, const Value& value, std::string* text) {
  fmt::format_to(std::back_inserter(*text), "zk_{}\t{}\n", name, value);
}

void AppendSummary(const std::string& name, const Summary& summary,
                   std::string* text) {
  AppendLine("avg_" + name, FormatNumber(AverageOf(summary)), text);
  AppendLine("min_" + name, summary.min, text);
  AppendLine("max_" + name, summary.max, text);
  AppendLine("cnt_" + name, summary.count, text);
  AppendLine("sum_" + name, summary.sum, text);
}

void AppendPercentiles(const std::string& name, const Histogram& histogram,
                       std::string* text) {
  AppendLine("p50_" + name, histogram.Percentile(0.5), text);
  AppendLine("p95_" + name, histogram.Percentile(0.95), text);
  AppendLine("p99_" + name, histogram.Percentile(0.99), text);
  AppendLine("p999_" + name, histogram.Percentile(0.999), text);
}

// What the quotas of one namespace come to.
struct QuotaTotals {
  tree::QuotaText limits{.count = 0, .bytes = 0};
  tree::QuotaText usage{.count = 0, .bytes = 0};
  bool has_limits = false;
  bool has_usage = false;
};

using QuotasByNamespace = std::map<std::string, QuotaTotals, std::less<>>;

// The node after `node` in a walk of everything below `top`; null at its end.
// No recursion: clients decide how deep the nodes are.
const tree::Znode* NextBelow(const tree::Znode& top, const tree::Znode* node) {
  if (node->first_child() != nullptr) {
    return node->first_child();
  }
  while (node != &top && node->next_sibling() == nullptr) {
    node = node->parent();
  }
  return node == &top ? nullptr : node->next_sibling();
}

// Adds the quota that `node`, below /zookeeper/quota, holds, if it does.  A
// hard limit takes the place of the soft one.
void AddQuota(const tree::Znode& node, QuotasByNamespace* quotas) {
  const bool is_limits = node.name() == tree::kLimitsName;
  if (!is_limits && node.name() != tree::kStatsName) {
    return;
  }
  const std::string_view name = NamespaceOf(
      tree::ParentPath(node.path()).substr(tree::kQuotaPath.size()));
  const std::optional<tree::QuotaText> text = tree::ParseQuota(node.data());
  if (name.empty() || !text.has_value()) {
    return;
  }
  QuotaTotals& totals = (*quotas)[std::string(name)];
  if (is_limits) {
    totals.has_limits = true;
    totals.limits.AddUsage(
        text->count_hard > -1 ? text->count_hard : text->count,
        text->bytes_hard > -1 ? text->bytes_hard : text->bytes);
  } else {
    totals.has_usage = true;
    totals.usage.AddUsage(text->count, text->bytes);
  }
}

}  // namespace

void AppendMetric(const Metric& metric, std::string* text) {
  if (const auto* summary = std::get_if<Summary>(&metric.value)) {
    AppendSummary(metric.name, *summary, text);
  } else if (const auto* detailed =
                 std::get_if<const DetailedSummary*>(&metric.value)) {
    AppendSummary(metric.name, (*detailed)->summary, text);
    AppendPercentiles(metric.name, (*detailed)->histogram, text);
  } else if (const auto* number = std::get_if<double>(&metric.value)) {
    AppendLine(metric.name, FormatNumber(*number), text);
  } else if (const auto* words = std::get_if<std::string>(&metric.value)) {
    AppendLine(metric.name, *words, text);
  } else {
    AppendLine(metric.name, std::get<int64_t>(metric.value), text);
  }
}

std::string FormatNumber(double number) {
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) {
    text += ".0";
  }
  return text;
}

double AverageOf(const Summary& summary) {
  if (summary.count == 0) {
    return 0;
  }
  const double average =
      static_cast<double>(summary.sum) / static_cast<double>(summary.count);
  return std::round(average * 10000) / 10000;
}

std::string_view NamespaceOf(std::string_view path) {
  const std::string_view name = path.substr(path.starts_with('/') ? 1 : 0);
  return name.substr(0, name.find('/'));
}

std::vector<Metric> QuotaMetrics(const tree::DataTree& tree) {
  QuotasByNamespace quotas;
  const tree::Znode* const top = tree.Find(tree::kQuotaPath);
  for (const tree::Znode* node = top; node != nullptr;
       node = NextBelow(*top, node)) {
    AddQuota(*node, &quotas);
  }
  std::vector<Metric> metrics;
  for (const auto& entry : quotas) {
    const std::string& name = entry.first;
    const auto& totals = entry.second;
    const auto add = [&](std::string_view what, int64_t value) {
      metrics.push_back(
          {fmt::format("{}_quota_{}_per_namespace", name, what), value});
    };
    if (totals.has_limits) {
      add("count_limit", totals.limits.count);
      add("bytes_limit", totals.limits.bytes);
    }
    if (totals.has_usage) {
      add("count_usage", totals.usage.count);
      add("bytes_usage", totals.usage.bytes);
    }
  }
  return metrics;
}

}  // namespace paddock::replica

// The metrics of the four-letter word mntr, as data and as text
// (client-protocol.md 9.5 and chapter 12).

#ifndef PADDOCK_REPLICA_METRICS_H_
#define PADDOCK_REPLICA_METRICS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/summary.h"
#include "tree/data_tree.h"

namespace paddock::replica {

struct Metric {
  std::string name;  // Without zk_
  // A pointer is valid as long as what it was taken from.
  std::variant<int64_t, double, std::string, Summary, const DetailedSummary*>
      value;
};

// Appends the lines of `metric` to *text: one, or several for a summary.
void AppendMetric(const Metric& metric, std::string* text);

// As Java prints a double, such as "0.0" or "1.25".
std::string FormatNumber(double number);

// With four decimals; 0 without values.
double AverageOf(const Summary& summary);

// The first component of `path`, for metrics that are kept for each; "" for
// "/".
std::string_view NamespaceOf(std::string_view path);

// Limits and usage of the quotas, summed up for each namespace.
std::vector<Metric> QuotaMetrics(const tree::DataTree& tree);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_METRICS_H_

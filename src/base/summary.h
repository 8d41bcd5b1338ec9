// What is kept of a series of values, for metrics: constant memory, a few
// nanoseconds per value.  Not thread-safe.

#ifndef PADDOCK_BASE_SUMMARY_H_
#define PADDOCK_BASE_SUMMARY_H_

#include <algorithm>
#include <cstdint>

#include "base/histogram.h"

namespace paddock {

struct Summary {
  int64_t count = 0;
  int64_t sum = 0;
  int64_t min = 0;  // 0 while count is 0, as is max
  int64_t max = 0;

  void Add(int64_t value) {
    min = count == 0 ? value : std::min(min, value);
    max = count == 0 ? value : std::max(max, value);
    sum += value;
    ++count;
  }
};

// Likewise, with the percentiles.
struct DetailedSummary {
  Summary summary;
  Histogram histogram;

  void Add(int64_t value) {
    summary.Add(value);
    histogram.Add(value);
  }
};

}  // namespace paddock

#endif  // PADDOCK_BASE_SUMMARY_H_

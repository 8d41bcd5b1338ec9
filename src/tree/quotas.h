// Quotas: limits on the number of znodes and bytes below a path, kept as text
// in znodes below /zookeeper/quota (client-protocol.md chapter 8).  Pure.

#ifndef PADDOCK_TREE_QUOTAS_H_
#define PADDOCK_TREE_QUOTAS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddock::tree {

inline constexpr std::string_view kLimitsName = "zookeeper_limits";
inline constexpr std::string_view kStatsName = "zookeeper_stats";

// What a zookeeper_limits or zookeeper_stats znode says; -1 is unlimited.
struct QuotaText {
  int64_t count = -1;
  int64_t bytes = -1;
  int64_t count_hard = -1;
  int64_t bytes_hard = -1;

  // Adds to count and bytes; wraps around where Java does, for clients may
  // write any number to a zookeeper_stats znode.
  void AddUsage(int64_t count_difference, int64_t bytes_difference);

  friend bool operator==(const QuotaText&, const QuotaText&) = default;
};

// Lenient, as the Java parser: missing and empty values are -1.  Nullopt for
// text that the Java parser refuses (a value that is no number).
std::optional<QuotaText> ParseQuota(std::string_view text);
std::string FormatQuota(const QuotaText& quota);

// The quota in force for a path, and its committed usage.
struct QuotaState {
  std::string path;  // Where the quota was set
  QuotaText limits;
  QuotaText usage;         // count and bytes
  bool malformed = false;  // The znodes hold text that says neither
};

enum class QuotaVerdict { kWithin, kSoftExceeded, kHardExceeded };

// Whether adding `count` znodes and `bytes` bytes stays within `state`.  A
// difference of zero is never checked.
QuotaVerdict CheckQuota(const QuotaState& state, int64_t count, int64_t bytes);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_QUOTAS_H_

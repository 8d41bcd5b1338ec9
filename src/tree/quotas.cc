#include "tree/quotas.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "fmt/format.h"

namespace paddock::tree {

namespace {

// A decimal number, as Java's Long.parseLong() takes it.
std::optional<int64_t> ParseNumber(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

int64_t* FieldOf(QuotaText* quota, std::string_view key) {
  if (key == "count") return &quota->count;
  if (key == "bytes") return &quota->bytes;
  if (key == "countHardLimit") return &quota->count_hard;
  if (key == "byteHardLimit") return &quota->bytes_hard;
  return nullptr;
}

// One "key=value"; what follows a further '=' does not count.
bool ParsePair(std::string_view pair, QuotaText* quota) {
  const size_t equals = pair.find('=');
  int64_t number = -1;
  if (equals != std::string_view::npos) {
    std::string_view value = pair.substr(equals + 1);
    value = value.substr(0, value.find('='));
    if (!value.empty()) {
      const std::optional<int64_t> parsed = ParseNumber(value);
      if (!parsed) {
        return false;
      }
      number = *parsed;
    }
  }
  if (int64_t* field = FieldOf(quota, pair.substr(0, equals))) {
    *field = number;
  }
  return true;
}

int64_t Add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) +
                              static_cast<uint64_t>(b));
}

QuotaVerdict CheckOne(int64_t usage, int64_t difference, int64_t soft,
                      int64_t hard) {
  const bool is_hard = hard >= 0;
  const int64_t limit = is_hard ? hard : soft;
  if (difference == 0 || limit < 0 || Add(usage, difference) <= limit) {
    return QuotaVerdict::kWithin;
  }
  return is_hard ? QuotaVerdict::kHardExceeded : QuotaVerdict::kSoftExceeded;
}

}  // namespace

void QuotaText::AddUsage(int64_t count_difference, int64_t bytes_difference) {
  count = Add(count, count_difference);
  bytes = Add(bytes, bytes_difference);
}

std::optional<QuotaText> ParseQuota(std::string_view text) {
  QuotaText quota;
  while (!text.empty()) {
    const size_t end = text.find_first_of(",;");
    const std::string_view pair = text.substr(0, end);
    if (!ParsePair(pair, &quota)) {
      return std::nullopt;
    }
    text.remove_prefix(pair.size() == text.size() ? pair.size()
                                                  : pair.size() + 1);
  }
  return quota;
}

std::string FormatQuota(const QuotaText& quota) {
  std::string text = fmt::format("count={},bytes={}", quota.count, quota.bytes);
  if (quota.bytes_hard < 0 && quota.count_hard < 0) {
    return text;
  }
  // The second '=' ends the value for parsers that know no hard limits.
  text.push_back('=');
  if (quota.bytes_hard >= 0) {
    text += fmt::format(";byteHardLimit={}", quota.bytes_hard);
  }
  if (quota.count_hard >= 0) {
    text += fmt::format(";countHardLimit={}", quota.count_hard);
  }
  return text;
}

QuotaVerdict CheckQuota(const QuotaState& state, int64_t count, int64_t bytes) {
  const QuotaText& limits = state.limits;
  return std::max(
      CheckOne(state.usage.count, count, limits.count, limits.count_hard),
      CheckOne(state.usage.bytes, bytes, limits.bytes, limits.bytes_hard));
}

}  // namespace paddock::tree

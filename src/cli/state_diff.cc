#include "cli/state_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/text.h"
#include "jute/archive.h"

namespace paddock::cli {
namespace {

// Collects the fields that differ.
class Fields {
 public:
  template <class Value, class ToText>
  void Compare(const char* name, const Value& a, const Value& b,
               ToText to_text) {
    if (a != b) {
      text_ += fmt::format("{}{} {} | {}", text_.empty() ? "" : ", ", name,
                           to_text(a), to_text(b));
    }
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Decimal(int64_t number) { return std::to_string(number); }

// Null data and empty data differ.
std::pair<bool, std::string_view> DataOf(const tree::Znode& node) {
  return {jute::IsNull(node.data()), node.data()};
}

std::string DifferentFields(const tree::Znode& a, const tree::Znode& b,
                            const DiffOptions& options) {
  Fields fields;
  fields.Compare("data", DataOf(a), DataOf(b), [&](const auto& data) {
    const auto& [is_null, bytes] = data;
    return is_null ? "null"
           : options.data_bytes_max
               ? DataText(bytes, *options.data_bytes_max)
               : Count(static_cast<int64_t>(bytes.size()), "byte");
  });
  const jute::StatPersisted stat_a = a.stat();
  const jute::StatPersisted stat_b = b.stat();
  fields.Compare("czxid", stat_a.czxid, stat_b.czxid, Hex);
  fields.Compare("mzxid", stat_a.mzxid, stat_b.mzxid, Hex);
  fields.Compare("pzxid", stat_a.pzxid, stat_b.pzxid, Hex);
  if (!options.ignore_times) {
    fields.Compare("ctime", stat_a.ctime, stat_b.ctime, UtcTime);
    fields.Compare("mtime", stat_a.mtime, stat_b.mtime, UtcTime);
  }
  fields.Compare("version", stat_a.version, stat_b.version, Decimal);
  fields.Compare("cversion", stat_a.cversion, stat_b.cversion, Decimal);
  fields.Compare("aversion", stat_a.aversion, stat_b.aversion, Decimal);
  fields.Compare("owner", stat_a.ephemeralOwner, stat_b.ephemeralOwner, Hex);
  if (a.acl().encoded() != b.acl().encoded()) {
    fields.Compare("acl", &a.acl(), &b.acl(), [](const tree::AclList* acl) {
      return "[" + AclText(acl->entries()) + "]";
    });
  }
  return fields.text();
}

void CompareSessions(const tree::SessionTimeouts& a,
                     const tree::SessionTimeouts& b, StateDiff* diff) {
  for (const auto& [id, timeout_ms] : a) {
    const auto other = b.find(id);
    if (other == b.end()) {
      ++diff->only_in_a;
      diff->lines.push_back("- session " + Hex(id));
    } else if (other->second != timeout_ms) {
      ++diff->changed;
      diff->lines.push_back(fmt::format("~ session {}: timeout {} ms | {} ms",
                                        Hex(id), timeout_ms, other->second));
    }
  }
  for (const auto& [id, timeout_ms] : b) {
    if (!a.contains(id)) {
      ++diff->only_in_b;
      diff->lines.push_back("+ session " + Hex(id));
    }
  }
}

}  // namespace

StateDiff Compare(const tree::DataTree& a,
                  const tree::SessionTimeouts& sessions_a,
                  const tree::DataTree& b,
                  const tree::SessionTimeouts& sessions_b,
                  const DiffOptions& options) {
  StateDiff diff;
  std::vector<std::pair<std::string, std::string>> found;  // Path and line
  const auto note = [&](const char* sign, const tree::Znode& node,
                        const std::string& rest) {
    found.emplace_back(node.path(),
                       fmt::format("{} {}{}", sign, PathText(node.path()),
                                   rest.empty() ? "" : ": " + rest));
  };
  a.ForEach([&](const tree::Znode& node) {
    const tree::Znode* const other = b.Find(node.path());
    if (other == nullptr) {
      ++diff.only_in_a;
      note("-", node, "");
      return;
    }
    const std::string fields = DifferentFields(node, *other, options);
    if (!fields.empty()) {
      ++diff.changed;
      note("~", node, fields);
    }
  });
  b.ForEach([&](const tree::Znode& node) {
    if (a.Find(node.path()) == nullptr) {
      ++diff.only_in_b;
      note("+", node, "");
    }
  });
  std::sort(found.begin(), found.end());
  for (auto& [path, line] : found) {
    diff.lines.push_back(std::move(line));
  }
  CompareSessions(sessions_a, sessions_b, &diff);
  return diff;
}

}  // namespace paddock::cli

// The table of zoo.cfg's keys.  The parser, the suggestion for a mistyped key,
// `paddock --keys`, conf/zoo.cfg and its test all read it.

#ifndef PADDOCK_SERVER_CONFIG_KEYS_H_
#define PADDOCK_SERVER_CONFIG_KEYS_H_

#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"
#include "paddock/config.h"

namespace paddock::server {

// The field that takes the value, which also says what the value looks like:
// true or false, a number, a share from 0 to 1, milliseconds, text, or a comma
// separated list.
using Field =
    std::variant<bool Config::*, int Config::*, int64_t Config::*,
                 double Config::*, absl::Duration Config::*,
                 std::string Config::*, std::set<std::string> Config::*>;

// What a value may be.
struct Allowed {
  int64_t min = std::numeric_limits<int32_t>::min();  // Of numbers, in `unit`
  int64_t max = std::numeric_limits<int32_t>::max();
  std::string_view unit = {};  // "ms", "bytes", "KB", "MB", or what is counted
  std::string_view choices = {};  // Of text, separated by '|'; empty: any text.
                                  // Of a bool, "yes|no" instead of "true|false"
};

// A key that has a meaning here.
struct Key {
  std::string_view name;  // Without the prefix "zookeeper.", which is optional
  Field field;
  std::string_view default_value;  // As in zoo.cfg; empty: unset
  Allowed allowed;
  std::string_view meaning;
};

// Keys that belong together, under a title for the documentation.
struct Section {
  std::string_view title;
  std::span<const Key> keys;
};
std::span<const Section> Sections();

// The key called `name` (without prefix), or null.
const Key* FindKey(std::string_view name);

// A key that is accepted although it does nothing here.
struct OtherKey {
  std::string_view name;      // May end in '*', which stands for anything
  std::string_view feature;   // Yet to come; empty: a matter of the Java server
                              // alone, of which nothing need be said
  std::string_view harmless;  // A value that does not ask for the feature
};
std::span<const OtherKey> OtherKeys();

// The first one that `name` (without prefix) fits, or null.
const OtherKey* FindOtherKey(std::string_view name);

// The known key whose name is nearest to `name`, or "" when none is near.
std::string_view NearestKey(std::string_view name);

// Every key of Sections() with default, unit and meaning, each line a comment
// or blank: the body of conf/zoo.cfg.
std::string DescribeKeys();

// Bytes, or milliseconds, in one `unit` of `allowed`.
int64_t UnitScale(const Allowed& allowed);

// "true or false", "a whole number from 0 to 65535", "one of a, b" and so on.
std::string DescribeAllowed(const Key& key);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_CONFIG_KEYS_H_

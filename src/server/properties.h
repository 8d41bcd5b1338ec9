// Reads the syntax of Java property files, in which zoo.cfg is written.
//
//   # comment            ! comment
//   key = value          key: value          key value
//
// A backslash at its end joins a line with the next, whose leading blanks go.
// In keys and values \t \n \r \f \uXXXX are what they are in Java, and any
// other \c is c.  Unlike Java, bytes above 127 are taken as they are, so that a
// file in UTF-8 works; \uXXXX gives UTF-8.  Pure.

#ifndef PADDOCK_SERVER_PROPERTIES_H_
#define PADDOCK_SERVER_PROPERTIES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace paddock::server {

struct Property {
  std::string key;
  std::string value;  // Trimmed
  int line = 0;       // Where it begins, from 1
};

// Returns the properties of `text` in their order, repeated ones included.
// Errors: kInvalidArgument, "FILE:LINE: ...", for a malformed \uXXXX.
absl::StatusOr<std::vector<Property>> ParseProperties(
    std::string_view text, std::string_view file_name);

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_PROPERTIES_H_

// JSON texts, written piece by piece.  Pure.

#ifndef PADDOCK_CLI_JSON_H_
#define PADDOCK_CLI_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paddock::cli {

// One object, on one line.  Keys are written as they are given, in the order
// of the calls.
class JsonObject {
 public:
  JsonObject& Text(std::string_view key, std::string_view value);
  JsonObject& Number(std::string_view key, int64_t value);
  JsonObject& Bool(std::string_view key, bool value);
  // `json` is a JSON text already.
  JsonObject& Raw(std::string_view key, std::string_view json);

  // The object.
  std::string Json() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

// An array of JSON texts.
std::string JsonArray(const std::vector<std::string>& elements);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_JSON_H_

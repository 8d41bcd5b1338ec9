#include "cli/json.h"

#include <fmt/format.h>

#include "cli/text.h"

namespace paddock::cli {

JsonObject& JsonObject::Text(std::string_view key, std::string_view value) {
  return Raw(key, Quoted(value));
}

JsonObject& JsonObject::Number(std::string_view key, int64_t value) {
  return Raw(key, fmt::format("{}", value));
}

JsonObject& JsonObject::Bool(std::string_view key, bool value) {
  return Raw(key, value ? "true" : "false");
}

JsonObject& JsonObject::Raw(std::string_view key, std::string_view json) {
  members_ +=
      fmt::format("{}{}: {}", members_.empty() ? "" : ", ", Quoted(key), json);
  return *this;
}

std::string JsonArray(const std::vector<std::string>& elements) {
  return fmt::format("[{}]", fmt::join(elements, ", "));
}

}  // namespace paddock::cli

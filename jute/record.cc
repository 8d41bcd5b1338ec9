#include "jute/record.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace paddock::jute::internal {

void PrintString(std::string_view value, std::string* out) {
  if (IsNull(value)) {
    out->append("null");
    return;
  }
  const absl::string_view bytes(value.data(), value.size());
  absl::StrAppend(out, "\"", absl::Utf8SafeCHexEscape(bytes), "\"");
}

}  // namespace paddock::jute::internal

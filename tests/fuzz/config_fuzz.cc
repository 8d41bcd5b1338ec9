// zoo.cfg from anyone: never a crash, and an error names the file.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "paddock/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = paddock::ParseConfig(text, "zoo.cfg");
  if (!parsed.ok()) {
    CHECK(parsed.status().message().substr(0, 7) == "zoo.cfg")
        << parsed.status();
    return 0;
  }
  const paddock::Config& config = parsed->config;
  CHECK(!config.data_dir.empty() && !config.data_log_dir.empty());
  CHECK(config.client_port >= 0 && config.client_port <= 65535);
  CHECK(config.min_session_timeout <= config.max_session_timeout);
  CHECK(config.four_letter_words.contains("srvr"));
  return 0;
}

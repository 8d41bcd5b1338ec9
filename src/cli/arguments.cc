#include "cli/arguments.h"

#include <fmt/format.h>
#include <getopt.h>

#include <cstdio>

namespace paddock::cli {
namespace {

bool Take(const Option& option) {
  if (bool* const* const flag = std::get_if<bool*>(&option.to)) {
    **flag = true;
    return true;
  }
  if (std::string* const* const text = std::get_if<std::string*>(&option.to)) {
    **text = optarg;
    return true;
  }
  return std::get<TakeValue>(option.to)(optarg);
}

}  // namespace

std::optional<ExitCode> TakeArguments(int argc, char** argv, const char* help,
                                      const std::vector<Option>& options,
                                      std::vector<std::string>* words) {
  constexpr int kKnown = 1;
  std::vector<option> table;
  for (const Option& known : options) {
    const bool has_value = !std::holds_alternative<bool*>(known.to);
    table.push_back({known.name, has_value ? required_argument : no_argument,
                     nullptr, kKnown});
  }
  table.push_back({"help", no_argument, nullptr, kKnown});
  table.push_back({});
  std::string tool = fmt::format("paddock {}", argv[0]);
  std::vector<char*> all(argv, argv + argc);
  all[0] = tool.data();  // What getopt_long begins its messages with
  all.push_back(nullptr);
  optind = 0;  // From the beginning, also when this is not the first time
  int index = 0;
  while (true) {
    const int chosen = getopt_long(argc, all.data(), "", table.data(), &index);
    if (chosen == -1) {
      break;
    }
    if (chosen != kKnown) {
      return ExitCode::kUsage;  // getopt_long has said why
    }
    const auto place = static_cast<size_t>(index);
    if (place == options.size()) {
      fmt::print("{}", help);
      return ExitCode::kOk;
    }
    if (!Take(options[place])) {
      return Misused(argv, fmt::format("--{} wants {}", options[place].name,
                                       options[place].wants));
    }
  }
  words->insert(words->end(), all.begin() + optind, all.end() - 1);
  return std::nullopt;
}

ExitCode Misused(char** argv, const std::string& what) {
  fmt::print(stderr, "paddock {}: {}; see --help\n", argv[0], what);
  return ExitCode::kUsage;
}

}  // namespace paddock::cli

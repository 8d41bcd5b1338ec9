// The program paddock: reads the command line and zoo.cfg, runs a Server, and
// turns what went wrong into one line and an exit code.

#include <fmt/format.h>
#include <getopt.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/log.h"
#include "cli/tool.h"
#include "paddock/config.h"
#include "paddock/exit_code.h"
#include "paddock/version.h"
#include "server/config_keys.h"
#include "server/process_facts.h"
#include "server/server.h"
#include "server/server_options.h"

namespace paddock {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock CONFIG           serve as the zoo.cfg file CONFIG says
       paddock --check CONFIG   say whether CONFIG is right, and end
       paddock --keys           print every key of zoo.cfg
       paddock --version
       paddock --help

Tools for data folders; each has a --help of its own:
       paddock check DATADIR    verify everything, and repair it on request
       paddock export DATADIR   write a snapshot that ZooKeeper starts on
       paddock import SOURCE DATADIR
                                make a data folder with the state of another
       paddock log FILE...      print the transactions of log files
       paddock snapshot FILE    say what a snapshot or a tree.db holds
       paddock diff A B         compare two states, znode by znode

SIGTERM and SIGINT stop it.

Exit codes:
  0  stopped by a signal, or nothing to do
  1  any other error
  2  wrong command line or configuration
  3  a data folder is missing or cannot be used
  4  another process uses the data folder
  5  the client port is in use
  6  the client port cannot be opened for another reason
  7  the transaction log, a snapshot or the checkpoint is damaged
  8  the transaction log could not be written or synced
)";

enum class Action { kServe, kCheck, kKeys, kVersion, kHelp };

struct CommandLine {
  Action action = Action::kServe;
  std::string config_file;
};

// Returns nullopt, after a line to stderr, when the arguments are wrong.
std::optional<CommandLine> ParseCommandLine(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"check", no_argument, nullptr, static_cast<int>(Action::kCheck)},
      {"keys", no_argument, nullptr, static_cast<int>(Action::kKeys)},
      {"version", no_argument, nullptr, static_cast<int>(Action::kVersion)},
      {"help", no_argument, nullptr, static_cast<int>(Action::kHelp)},
      {nullptr, 0, nullptr, 0}};
  CommandLine line;
  int chosen = 0;
  while ((chosen = getopt_long(argc, argv, "", kOptions, nullptr)) != -1) {
    if (chosen == '?') {
      return std::nullopt;  // getopt_long has said why
    }
    line.action = static_cast<Action>(chosen);
  }
  const bool needs_file =
      line.action == Action::kServe || line.action == Action::kCheck;
  if (argc - optind != (needs_file ? 1 : 0)) {
    fmt::print(
        stderr, "paddock: {}; see paddock --help\n",
        needs_file ? "give one configuration file" : "an argument too many");
    return std::nullopt;
  }
  if (needs_file) {
    line.config_file = argv[optind];
  }
  return line;
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

absl::StatusOr<ParsedConfig> ReadConfig(const std::string& file_name) {
  const bool is_folder = std::filesystem::is_directory(file_name);
  std::ifstream file(file_name, std::ios::binary);
  if (!file || is_folder) {
    const int error = is_folder ? EISDIR : errno;
    return absl::NotFoundError(fmt::format("cannot read {}: {}; see --help",
                                           file_name, std::strerror(error)));
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return ParseConfig(text, file_name);
}

log::Options LogOptions(const Config& config) {
  log::Options options;
  options.file = config.log_file;
  options.file_bytes_max = config.log_max_file_size_bytes;
  options.file_count_max = config.log_max_files;
  options.level = config.log_level == "debug"     ? log::Level::kDebug
                  : config.log_level == "warning" ? log::Level::kWarning
                  : config.log_level == "error"   ? log::Level::kError
                  : config.log_level == "off"     ? log::Level::kOff
                                                  : log::Level::kInfo;
  return options;
}

ExitCode Serve(const std::string& config_file) {
  const absl::StatusOr<ParsedConfig> parsed = ReadConfig(config_file);
  if (!parsed.ok()) {
    log::Error("{}", Message(parsed.status()));
    return ExitCode::kUsage;
  }
  if (const absl::Status status = log::Configure(LogOptions(parsed->config));
      !status.ok()) {
    log::Error("{}{}", parsed->Origin("log.file"), Message(status));
    return ExitCode::kUsage;
  }
  for (const std::string& warning : parsed->warnings) {
    log::Warning("{}", warning);
  }
  server::RaiseOpenFilesMax();
  server::Server server(server::ServerOptionsFrom(*parsed));
  const ExitCode started = server.Start();
  return started == ExitCode::kOk ? server.Run() : started;
}

ExitCode Check(const std::string& config_file) {
  const absl::StatusOr<ParsedConfig> parsed = ReadConfig(config_file);
  if (!parsed.ok()) {
    fmt::print(stderr, "{}\n", Message(parsed.status()));
    return ExitCode::kUsage;
  }
  for (const std::string& warning : parsed->warnings) {
    fmt::print("warning: {}\n", warning);
  }
  fmt::print("{} is right\n", config_file);
  return ExitCode::kOk;
}

ExitCode Run(const CommandLine& line) {
  switch (line.action) {
    case Action::kServe:
      return Serve(line.config_file);
    case Action::kCheck:
      return Check(line.config_file);
    case Action::kKeys:
      fmt::print("{}", server::DescribeKeys());
      return ExitCode::kOk;
    case Action::kVersion:
      fmt::print("paddock {}, speaks as ZooKeeper {}\n", kVersion,
                 kZooKeeperVersion);
      return ExitCode::kOk;
    case Action::kHelp:
      fmt::print("{}", kHelp);
      return ExitCode::kOk;
  }
  return ExitCode::kUnexpected;
}

}  // namespace
}  // namespace paddock

int main(int argc, char** argv) {
  try {
    if (const auto code = paddock::cli::RunTool(argc, argv)) {
      return static_cast<int>(*code);
    }
    const auto line = paddock::ParseCommandLine(argc, argv);
    return static_cast<int>(line ? paddock::Run(*line)
                                 : paddock::ExitCode::kUsage);
  } catch (const std::exception& e) {
    paddock::log::Error("unexpected: {}", e.what());
    return static_cast<int>(paddock::ExitCode::kUnexpected);
  }
}

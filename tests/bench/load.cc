// paddock_load: drives a ZooKeeper server and says how it fared.

#include <fmt/format.h>
#include <getopt.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "bench/generator.h"
#include "bench/prepare.h"

namespace paddock::bench {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock_load [--server=HOST:PORT] [options]
  --server=127.0.0.1:2181  a numeric IPv4 address and a port
  --work=get         get exists set mixed (90 % get, 10 % set) multi (check and
                     set) create sequential delete sync ping
  --connections=16   each with a session of its own
  --outstanding=16   requests without a reply, on each connection
  --keys=1000        znodes to choose from
  --value=128        bytes of data in each
  --seconds=5        how long to measure
  --warm-up=1        seconds before that
  --requests=N       instead: measure N requests, with no warm-up;
                     delete needs it
  --pid=PID          the server's process, for its CPU time and memory
  --json             one line for programs

Each run but one with --root works below a znode of its own, /bench/run-N, and
leaves it there.
)";

struct Arguments {
  boost::asio::ip::tcp::endpoint server{boost::asio::ip::address_v4::loopback(),
                                        2181};
  Work work = Work::kGet;
  std::string work_name = "get";
  int64_t requests = 0;
  bool json = false;
  Load load{.requests = {.keys = 1000, .value_bytes = 128},
            .connections = 16,
            .outstanding = 16};
};

[[noreturn]] void Exit(const std::string& why) {
  std::fprintf(stderr, "paddock_load: %s\n", why.c_str());
  std::exit(2);
}

double ParseNumber(const char* name, const char* text, double least,
                   double most) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least && value <= most)) {
    Exit(fmt::format("--{}={}: a number from {} to {} is needed", name, text,
                     least, most));
  }
  return value;
}

Work ParseWork(std::string_view text) {
  for (const WorkName& entry : kWorkNames) {
    if (entry.name == text) {
      return entry.work;
    }
  }
  Exit(fmt::format("--work={}: no such work", text));
}

boost::asio::ip::tcp::endpoint ParseServer(std::string_view text) {
  const size_t colon = text.rfind(':');
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address_v4(
      std::string(text.substr(0, colon)), error);
  if (colon == std::string_view::npos || error) {
    Exit(fmt::format("--server={}: an IPv4 address and a port are needed",
                     text));
  }
  const std::string port(text.substr(colon + 1));
  return {address, static_cast<uint16_t>(
                       ParseNumber("server port", port.c_str(), 1, 65535))};
}

void SetOption(std::string_view name, const char* value, Arguments* to) {
  const auto number = [&](double least, double most) {
    return ParseNumber(name.data(), value, least, most);
  };
  Load& load = to->load;
  if (name == "server") {
    to->server = ParseServer(value);
  } else if (name == "work") {
    load.requests.work = ParseWork(value);
    to->work_name = value;
  } else if (name == "connections") {
    load.connections = static_cast<int>(number(1, 10'000));
  } else if (name == "outstanding") {
    load.outstanding = static_cast<int>(number(1, 10'000));
  } else if (name == "keys") {
    load.requests.keys = static_cast<int>(number(1, 1e6));
  } else if (name == "value") {
    load.requests.value_bytes = static_cast<int>(number(0, 1e6));
  } else if (name == "seconds") {
    load.seconds = number(0.1, 3600);
  } else if (name == "warm-up") {
    load.warm_up_seconds = number(0, 3600);
  } else if (name == "requests") {
    to->requests = static_cast<int64_t>(number(1, 1e9));
  } else if (name == "pid") {
    load.server_pid = static_cast<pid_t>(number(1, 1 << 22));
  } else if (name == "root") {
    load.requests.root = value;
  } else if (name == "json") {
    to->json = true;
  } else {
    std::fputs(kHelp, stdout);
    std::exit(0);
  }
}

Arguments Parse(int argc, char** argv) {
  static const option kOptions[] = {
      {"server", required_argument, nullptr, 0},
      {"work", required_argument, nullptr, 0},
      {"connections", required_argument, nullptr, 0},
      {"outstanding", required_argument, nullptr, 0},
      {"keys", required_argument, nullptr, 0},
      {"value", required_argument, nullptr, 0},
      {"seconds", required_argument, nullptr, 0},
      {"warm-up", required_argument, nullptr, 0},
      {"requests", required_argument, nullptr, 0},
      {"pid", required_argument, nullptr, 0},
      {"root", required_argument, nullptr, 0},
      {"json", no_argument, nullptr, 0},
      {"help", no_argument, nullptr, 0},
      {}};
  Arguments arguments;
  int index = 0;
  int found;
  while ((found = getopt_long(argc, argv, "", kOptions, &index)) != -1) {
    if (found != 0) {
      Exit("see --help");
    }
    SetOption(kOptions[index].name, optarg, &arguments);
  }
  if (optind != argc) {
    Exit(fmt::format("{}: see --help", argv[optind]));
  }
  Load& load = arguments.load;
  load.count_per_connection =
      (arguments.requests + load.connections - 1) / load.connections;
  if (load.requests.work == Work::kDelete && arguments.requests == 0) {
    Exit("--work=delete needs --requests");
  }
  if (!load.requests.root.empty() && !UsesKeys(load.requests.work) &&
      load.requests.work != Work::kSequential) {
    Exit("--root is for work with keys and for sequential");
  }
  load.server.sin_family = AF_INET;
  std::memcpy(&load.server, arguments.server.data(), sizeof load.server);
  return arguments;
}

void Report(const Arguments& arguments, const Result& result,
            int64_t resident_before, int64_t resident_after) {
  const Load& load = arguments.load;
  const auto count = static_cast<double>(result.latency.count());
  const auto us = [&](double share) {
    return static_cast<double>(result.latency.Percentile(share)) / 1e3;
  };
  const auto mb = [](int64_t bytes) {
    return static_cast<double>(bytes) / 1e6;
  };
  const double per_second = count / result.seconds;
  const double server_us = result.server_cpu_seconds / count * 1e6;
  const double load_us = result.load_cpu_seconds / count * 1e6;
  if (arguments.json) {
    fmt::print(R"({{"work": "{}", "root": "{}", "connections": {}, )"
               R"("outstanding": {}, )"
               R"("requests": {}, "seconds": {:.3f}, "per_second": {:.0f}, )"
               R"("p50_us": {:.1f}, "p99_us": {:.1f}, "p999_us": {:.1f}, )"
               R"("max_us": {:.1f}, "errors": {}, "first_error": {}, )"
               R"("server_cpu_us": {:.3f}, "load_cpu_us": {:.3f}, )"
               R"("rss_before_mb": {:.1f}, "rss_after_mb": {:.1f}}})"
               "\n",
               arguments.work_name, load.requests.root, load.connections,
               load.outstanding, result.latency.count(), result.seconds,
               per_second, us(0.5), us(0.99), us(0.999), us(1), result.errors,
               result.first_error, server_us, load_us, mb(resident_before),
               mb(resident_after));
    return;
  }
  fmt::print(
      "{} {} x {}: {:.1f} k/s, p50 {:.0f} us, p99 {:.0f} us, p99.9 {:.0f} us, "
      "max {:.0f} us, {} errors",
      arguments.work_name, load.connections, load.outstanding, per_second / 1e3,
      us(0.5), us(0.99), us(0.999), us(1), result.errors);
  if (result.errors != 0) {
    fmt::print(" (the first: {})", result.first_error);
  }
  fmt::print("\n{} requests in {:.2f} s; CPU per request: {:.2f} us here",
             result.latency.count(), result.seconds, load_us);
  if (load.server_pid != 0) {
    fmt::print(", {:.2f} us in the server; its memory: {:.0f} MB, then {:.0f}",
               server_us, mb(resident_before), mb(resident_after));
  }
  fmt::print("\n");
}

int Main(int argc, char** argv) {
  Arguments arguments = Parse(argc, argv);
  Load& load = arguments.load;
  if (load.requests.root.empty()) {
    if (absl::Status status = Prepare(arguments.server, &load); !status.ok()) {
      Exit(status.ToString());
    }
  }
  const int64_t resident_before = ResidentBytes(load.server_pid);
  Result result;
  if (absl::Status status = Run(load, &result); !status.ok()) {
    Exit(status.ToString());
  }
  if (result.latency.count() == 0) {
    Exit("no reply in the time measured");
  }
  Report(arguments, result, resident_before, ResidentBytes(load.server_pid));
  return result.errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace paddock::bench

int main(int argc, char** argv) { return paddock::bench::Main(argc, argv); }

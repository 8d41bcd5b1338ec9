// sim: runs the simulator.
//
//   sim --seed=N          one seed, with the trace of its end if it fails
//   sim --seeds=A-B       those
//   sim --services=A-B    those, with whole servers and their clients
//   sim --seconds=S       new ones from the clock for so long
//   sim --hours=H         likewise
//
// The last line has a hash over all traces, which is the same in every build.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sim/service_swarm.h"
#include "sim/swarm.h"

namespace paddock::sim {
namespace {

struct Total {
  uint64_t seeds = 0;
  uint64_t failed = 0;
  uint64_t events = 0;
  double virtual_seconds = 0;
  uint64_t trace_hash = 0;
};

template <typename Result>
void Add(const Result& result, Total& total) {
  ++total.seeds;
  total.failed += result.violation.has_value() ? 1 : 0;
  total.events += result.events;
  total.virtual_seconds += static_cast<double>(result.virtual_us) / 1e6;
  total.trace_hash = total.trace_hash * 31 + result.trace_hash;
}

void RunSeed(uint64_t seed, bool with_trace, Total& total) {
  const SwarmResult result = RunSwarm(seed);
  Add(result, total);
  if (with_trace) {
    fmt::print("seed {}: hash {:016x}, {} events, {} committed, {} epochs\n",
               seed, result.trace_hash, result.events, result.committed,
               result.epochs);
  }
  if (result.violation.has_value()) {
    if (with_trace) {
      fmt::print("{}", result.trace);
    }
    fmt::print("seed {}: {}\nreplay: sim --seed={}\n", seed, *result.violation,
               seed);
    std::fflush(stdout);
  }
}

// Likewise with whole servers and their clients.
void RunService(uint64_t seed, bool with_trace, Total& total) {
  const ServiceResult result = RunServiceSwarm(seed);
  Add(result, total);
  if (result.violation.has_value()) {
    if (with_trace) {
      fmt::print("{}", result.trace);
    }
    fmt::print("service seed {}: {}\nreplay: sim --services={}-{}\n", seed,
               *result.violation, seed, seed);
    std::fflush(stdout);
  }
}

int Main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Total total;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const std::string value(arg.substr(arg.find('=') + 1));
    if (arg.starts_with("--seed=")) {
      RunSeed(std::stoull(value), /*with_trace=*/true, total);
    } else if (arg.starts_with("--seeds=")) {
      const uint64_t last = std::stoull(value.substr(value.find('-') + 1));
      for (uint64_t seed = std::stoull(value); seed <= last; ++seed) {
        RunSeed(seed, /*with_trace=*/false, total);
      }
    } else if (arg.starts_with("--services=")) {
      const uint64_t last = std::stoull(value.substr(value.find('-') + 1));
      const uint64_t first = std::stoull(value);
      for (uint64_t seed = first; seed <= last; ++seed) {
        RunService(seed, /*with_trace=*/first == last, total);
      }
    } else if (arg.starts_with("--hours=") || arg.starts_with("--seconds=")) {
      const double seconds =
          std::stod(value) * (arg.starts_with("--hours=") ? 3600 : 1);
      const auto first = static_cast<uint64_t>(
          std::chrono::system_clock::now().time_since_epoch().count());
      for (uint64_t seed = first; elapsed() < seconds; ++seed) {
        RunSeed(seed, /*with_trace=*/false, total);
        RunService(seed, /*with_trace=*/false, total);
      }
    } else {
      fmt::print(stderr,
                 "usage: sim --seed=N | --seeds=A-B | --services=A-B | "
                 "--seconds=S | --hours=H\n");
      return 2;
    }
  }
  fmt::print(
      "{} seeds, {} failed, {} events, {:.1f} virtual hours in {:.1f} s "
      "({:.0f} times real time), traces {:016x}\n",
      total.seeds, total.failed, total.events, total.virtual_seconds / 3600,
      elapsed(), total.virtual_seconds / elapsed(), total.trace_hash);
  return total.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace paddock::sim

int main(int argc, char** argv) { return paddock::sim::Main(argc, argv); }

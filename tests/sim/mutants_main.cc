// sim_mutants: what the simulator is worth.  Runs it with one sabotage of
// mutations.txt after the other, which it must catch: the Zab core alone, or
// whole servers.
//
//   sim_mutants                    all of them; exit code 1 if one survives
//   sim_mutants --seeds=N          each with up to N seeds
//   sim_mutants --services         those of whole servers
//   sim_mutants --mutant=NAME      that one
//   sim_mutants --mutant=NAME --seed=N    one run, with the trace of its end

#include <fmt/format.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/check.h"
#include "mutants.h"
#include "sim/scenarios.h"
#include "sim/service_swarm.h"
#include "sim/swarm.h"

namespace paddock {

int mutant = 0;

namespace sim {
namespace {

constexpr int kMutantCount = static_cast<int>(std::size(kMutants));
constexpr uint64_t kSeedsWithoutMutant = 30;
constexpr uint64_t kServiceSeedsMax = 300;
// Of processor time, for one seed; a healthy one takes far less.
constexpr time_t kHangsAfterSeconds = 10;

struct Options {
  uint64_t seeds = 600;
  std::optional<int> mutant;
  std::optional<uint64_t> seed;
  bool services_only = false;
};

// One mutant in a process of its own, for it may crash.
struct Run {
  int mutant = 0;
  pid_t pid = 0;
  int output = -1;   // All that it prints
  std::string text;  // So far
};

struct Verdict {
  uint64_t seeds = 0;
  bool is_caught = false;
  std::string by;
};

struct Result {
  std::optional<std::string> violation;
  std::string trace;
};

Result RunSeed(int number, uint64_t seed) {
  if (kMutants[number].is_of_service) {
    ServiceResult result = RunServiceSwarm(seed);
    return {std::move(result.violation), std::move(result.trace)};
  }
  SwarmResult result = RunSwarm(seed);
  return {std::move(result.violation), std::move(result.trace)};
}

// First the directed scenarios, as seed 0, if they can have anything to do
// with it.  Prints "seed N" before each, and then what is wrong with it.
[[noreturn]] void RunSeeds(int number, uint64_t last) {
  mutant = number;
  for (const Scenario& scenario : kScenarios) {
    if (kMutants[number].is_of_service) {
      break;
    }
    if (const auto wrong = scenario.run()) {
      fmt::print(stderr, "{}: {}\n", scenario.name, *wrong);
      _exit(1);
    }
  }
  for (uint64_t seed = 1; seed <= last; ++seed) {
    const itimerval limit{.it_interval = {}, .it_value = {kHangsAfterSeconds}};
    setitimer(ITIMER_PROF, &limit, nullptr);
    fmt::print(stderr, "seed {}\n", seed);
    const Result result = RunSeed(number, seed);
    if (result.violation.has_value()) {
      fmt::print(stderr, "{}\n", *result.violation);
      _exit(1);
    }
  }
  _exit(0);
}

uint64_t SeedsFor(int number, uint64_t seeds) {
  if (number == 0) {
    return kSeedsWithoutMutant;
  }
  return kMutants[number].is_of_service ? std::min(seeds, kServiceSeedsMax)
                                        : seeds;
}

Run Start(int number, uint64_t seeds) {
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  Run run{.mutant = number, .pid = fork(), .output = ends[0]};
  CHECK_GE(run.pid, 0);
  if (run.pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    RunSeeds(number, seeds);
  }
  close(ends[1]);
  return run;
}

Verdict Finish(const Run& run) {
  close(run.output);
  int status = 0;
  CHECK_EQ(waitpid(run.pid, &status, 0), run.pid);
  Verdict verdict;
  verdict.is_caught = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  std::string_view rest = run.text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.starts_with("seed ")) {
      ++verdict.seeds;
      verdict.by.clear();
    } else if (verdict.by.empty()) {
      verdict.by = line;
    }
  }
  if (!verdict.is_caught) {
    verdict.by = "NOTHING";
  } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
    verdict.by = "it hangs";
  } else if (verdict.by.empty()) {
    verdict.by = fmt::format("status {}", status);
  }
  return verdict;
}

void Print(int number, const Verdict& verdict) {
  fmt::print("{:>3} {:<34} {:>5}  {}\n", number, kMutants[number].name,
             verdict.seeds, verdict.by.substr(0, 110));
  std::fflush(stdout);
}

// As many at once as there are cores.
std::map<int, Verdict> RunAll(std::vector<int> numbers, uint64_t seeds) {
  const size_t parallel = std::max(1u, std::thread::hardware_concurrency());
  std::map<int, Verdict> verdicts;
  std::vector<Run> running;
  std::reverse(numbers.begin(), numbers.end());
  while (!numbers.empty() || !running.empty()) {
    while (!numbers.empty() && running.size() < parallel) {
      running.push_back(Start(numbers.back(), SeedsFor(numbers.back(), seeds)));
      numbers.pop_back();
    }
    std::vector<pollfd> waits;
    for (const Run& run : running) {
      waits.push_back({.fd = run.output, .events = POLLIN});
    }
    CHECK_GT(poll(waits.data(), waits.size(), -1), 0);
    for (size_t i = running.size(); i-- > 0;) {
      if (waits[i].revents == 0) {
        continue;
      }
      char buffer[4096];
      const ssize_t size = read(running[i].output, buffer, sizeof buffer);
      CHECK_GE(size, 0);
      running[i].text.append(buffer, static_cast<size_t>(size));
      if (size == 0) {
        const int number = running[i].mutant;
        verdicts[number] = Finish(running[i]);
        Print(number, verdicts[number]);
        running.erase(running.begin() + static_cast<ptrdiff_t>(i));
      }
    }
  }
  return verdicts;
}

int RunOne(int number, uint64_t seed) {
  mutant = number;
  const Result result = RunSeed(number, seed);
  fmt::print("{}{}\n", result.trace, result.violation.value_or("no violation"));
  return result.violation.has_value() ? 1 : 0;
}

int Main(const Options& options) {
  if (options.seed.has_value()) {
    return RunOne(options.mutant.value_or(0), *options.seed);
  }
  std::vector<int> numbers;
  for (int i = 0; i < kMutantCount; ++i) {
    if (options.mutant.value_or(i) == i &&
        (kMutants[i].is_of_service || !options.services_only)) {
      numbers.push_back(i);
    }
  }
  fmt::print("  # {:<34} {:>5}  caught by\n", "mutant", "seeds");
  const std::map<int, Verdict> verdicts = RunAll(numbers, options.seeds);
  int caught = 0;
  int survivors = 0;
  uint64_t seeds = 0;
  for (const auto& [number, verdict] : verdicts) {
    if (number != 0) {
      caught += verdict.is_caught ? 1 : 0;
      survivors += verdict.is_caught ? 0 : 1;
      seeds = std::max(seeds, verdict.seeds);
    } else if (verdict.is_caught) {
      fmt::print("the core fails without any sabotage\n");
      return 1;
    }
  }
  fmt::print("{} of {} mutants caught, each within {} seeds\n", caught,
             caught + survivors, seeds);
  return survivors == 0 ? 0 : 1;
}

std::optional<Options> Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const std::string value(arg.substr(arg.find('=') + 1));
    if (arg.starts_with("--seeds=")) {
      options.seeds = std::stoull(value);
    } else if (arg.starts_with("--seed=")) {
      options.seed = std::stoull(value);
    } else if (arg == "--services") {
      options.services_only = true;
    } else if (arg.starts_with("--mutant=")) {
      const auto* const end = std::end(kMutants);
      const auto* const it =
          std::find_if(std::begin(kMutants), end,
                       [&](const Mutant& m) { return m.name == value; });
      if (it == end) {
        return std::nullopt;
      }
      options.mutant = static_cast<int>(it - std::begin(kMutants));
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace
}  // namespace sim
}  // namespace paddock

int main(int argc, char** argv) {
  const auto options = paddock::sim::Parse(argc, argv);
  if (!options.has_value()) {
    fmt::print(stderr,
               "usage: sim_mutants [--services] [--seeds=N] "
               "[--mutant=NAME [--seed=N]]\n");
    return 2;
  }
  return paddock::sim::Main(*options);
}

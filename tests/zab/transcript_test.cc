// Transcripts: what members do, command by command, as text to be reviewed
// (testdata/*.txt).  A file has commands, each followed by `----`, exactly
// what came of it, and an empty line; lines that begin with # are comments.
// The commands:
//
//   members 3 1            three voters and an observer; none runs
//   has 1 4:1 4:2 epoch 4  what member 1 finds on its disk
//   memory 2               how many committed transactions members keep
//   start 1
//   crash 1                it keeps what was durable; its links are gone
//   stop 1                 in order
//   tick 1 200ms           so much time passes for it
//   deliver 1->2           all that is under way; `deliver 1->*`, `*->2`, `*`
//   persist 2              all its writes become durable, or so many of them
//   propose 1 x
//   sync 1
//   lose-link 1 2          both ends of the quorum link hear of it
//   settle                 delivers and persists until nothing is under way
//
// A command behind `quietly` says nothing.
//
// With PADDOCK_REWRITE_TRANSCRIPTS=1 in the environment the files are written
// anew: review the difference.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "zab/peer_harness.h"

namespace paddock::zab {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Words Split(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

Zxid ParseZxid(const std::string& text) {
  const size_t colon = text.find(':');
  return {static_cast<uint32_t>(std::stoul(text)),
          static_cast<uint32_t>(std::stoul(text.substr(colon + 1)))};
}

const char* RoleName(const Peer& peer) {
  static constexpr const char* kNames[] = {"looking", "following", "leading",
                                           "observing"};
  return kNames[static_cast<int>(peer.role())];
}

class World {
 public:
  // What came of `command`.
  std::string Run(const std::string& command) {
    out_.clear();
    Words words = Split(command);
    const bool is_quiet = words.front() == "quietly";
    if (is_quiet) {
      words.erase(words.begin());
    }
    Do(words);
    return is_quiet ? "" : std::exchange(out_, "");
  }

 private:
  struct Node {
    DurableState disk;
    std::unique_ptr<Peer> peer;
    absl::Duration now;
    std::deque<Write> writes;
    std::string was;  // Its status when it was last told
  };

  void Say(int id, const std::string& what) {
    out_ += fmt::format("{} {}\n", id, what);
  }

  void Do(const Words& words) {
    const std::string& verb = words[0];
    const int id =
        words.size() > 1 && isdigit(words[1][0]) ? std::stoi(words[1]) : 0;
    if (verb == "members") {
      for (int i = 1; i <= id + (words.size() > 2 ? std::stoi(words[2]) : 0);
           ++i) {
        nodes_[i];
      }
      voters_ = id;
    } else if (verb == "memory") {
      memory_ = static_cast<size_t>(id);
    } else if (verb == "has") {
      Has(nodes_.at(id), words);
    } else if (verb == "deliver") {
      Deliver(words[1]);
    } else if (verb == "settle") {
      Settle();
    } else if (verb == "lose-link") {
      LoseLink(id, std::stoi(words[2]));
    } else {
      DoAt(id, words);
    }
  }

  void DoAt(int id, const Words& words) {
    Node& node = nodes_.at(id);
    const std::string& verb = words[0];
    if (verb == "start") {
      Config config =
          TestConfig(id, voters_, static_cast<int>(nodes_.size()) - voters_);
      config.history_count_min = memory_;
      config.history_bytes_max = 0;
      node.peer = std::make_unique<Peer>(config, node.disk);
      node.was = RoleName(*node.peer);
      node.peer->Step(Tick{node.now});
    } else if (verb == "crash") {
      node.peer.reset();
      node.writes.clear();
      for (const auto& [other, unused] : nodes_) {
        under_way_.erase({id, other});
        under_way_.erase({other, id});
      }
      return;
    } else if (verb == "tick") {
      absl::Duration passed;
      CHECK(absl::ParseDuration(words[2], &passed));
      const absl::Duration end = node.now + passed;
      while (node.peer->NextDeadline() < end) {
        node.now = std::max(node.now, node.peer->NextDeadline());
        node.peer->Step(Tick{node.now});
        Collect(id);
      }
      node.now = end;
      node.peer->Step(Tick{end});
    } else if (verb == "persist") {
      Persist(id, words.size() > 2 ? std::stoul(words[2]) : SIZE_MAX);
    } else if (verb == "propose") {
      const Zxid zxid = node.peer->NextZxid();
      node.peer->Propose({zxid, words[2]});
    } else if (verb == "sync") {
      node.peer->Sync(ServerId{id});
    } else {
      CHECK_EQ(verb, "stop");
      node.peer->Step(Stop{});
    }
    Collect(id);
  }

  static void Has(Node& node, const Words& words) {
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i] == "epoch") {
        node.disk.accepted_epoch = std::stoll(words[i + 1]);
        node.disk.current_epoch = node.disk.accepted_epoch;
        return;
      }
      node.disk.log.push_back({ParseZxid(words[i]), words[i]});
    }
  }

  void Deliver(const std::string& lane) {
    const size_t arrow = lane.find("->");
    const std::string from = lane.substr(0, arrow);
    const std::string to =
        arrow == std::string::npos ? "*" : lane.substr(arrow + 2);
    const auto fits = [](const std::string& pattern, int id) {
      return pattern == "*" || pattern == std::to_string(id);
    };
    // Not what is sent meanwhile.
    std::map<std::pair<int, int>, size_t> counts;
    for (const auto& [ends, messages] : under_way_) {
      if (fits(from, ends.first) && fits(to, ends.second)) {
        counts[ends] = messages.size();
      }
    }
    for (const auto& [ends, count] : counts) {
      for (size_t i = 0; i < count; ++i) {
        std::deque<Message>& lane_messages = under_way_[ends];
        Node& node = nodes_.at(ends.second);
        if (lane_messages.empty()) {
          break;  // The link was hung up
        }
        const Message message = std::move(lane_messages.front());
        lane_messages.pop_front();
        if (node.peer == nullptr) {
          continue;
        }
        Say(ends.second,
            fmt::format("<- {} {}", ends.first, Describe(message)));
        node.peer->Step(Received{ServerId{ends.first}, message});
        Collect(ends.second);
      }
    }
  }

  void Persist(int id, size_t count) {
    Node& node = nodes_.at(id);
    uint64_t last = 0;
    for (; count > 0 && !node.writes.empty(); --count) {
      Apply(node.disk, node.writes.front());
      last = node.writes.front().id;
      node.writes.pop_front();
    }
    if (last > 0) {
      node.peer->Step(Persisted{last});
      Collect(id);
    }
  }

  static void Apply(DurableState& disk, const Write& write) {
    if (const auto* txn = std::get_if<Txn>(&write.body)) {
      disk.log.push_back(*txn);
    } else if (const auto* snapshot = std::get_if<Snapshot>(&write.body)) {
      disk.state_zxid = snapshot->zxid;
      disk.state_is_committed = false;
      disk.log.clear();
    } else if (const auto* trunc = std::get_if<TruncateAfter>(&write.body)) {
      while (!disk.log.empty() && disk.log.back().zxid > trunc->zxid) {
        disk.log.pop_back();
      }
    } else if (const auto* epoch = std::get_if<SetAcceptedEpoch>(&write.body)) {
      disk.accepted_epoch = epoch->epoch;
    } else {
      disk.current_epoch = std::get<SetCurrentEpoch>(write.body).epoch;
    }
  }

  void Settle() {
    for (int rounds = 0; rounds < 1000; ++rounds) {
      bool is_quiet = true;
      for (auto& [id, node] : nodes_) {
        is_quiet = is_quiet && node.writes.empty();
        Persist(id, SIZE_MAX);
      }
      for (const auto& [ends, messages] : under_way_) {
        is_quiet = is_quiet && messages.empty();
      }
      if (is_quiet) {
        return;
      }
      Deliver("*");
    }
    CHECK(false) << "it never settles";
  }

  void LoseLink(int a, int b) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      std::erase_if(under_way_[{from, to}], [](const Message& message) {
        return !std::holds_alternative<Notification>(message);
      });
    }
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      if (nodes_.at(to).peer != nullptr) {
        nodes_.at(to).peer->Step(LinkLost{ServerId{from}});
        Collect(to);
      }
    }
  }

  void Collect(int id) {
    Node& node = nodes_.at(id);
    node.peer->CheckInvariants();
    Ready ready = node.peer->TakeReady();
    for (Write& write : ready.writes) {
      Say(id, "writes " + WriteText(write));
      node.writes.push_back(std::move(write));
    }
    if (ready.install.has_value()) {
      Say(id, "installs " + ZxidText(ready.install->zxid));
    }
    for (const Txn& txn : ready.committed) {
      Say(id, "commits " + ZxidText(txn.zxid));
    }
    for (Envelope& envelope : ready.messages) {
      const int to = static_cast<int>(envelope.to);
      Say(id, fmt::format("-> {} {}", to, Describe(envelope.message)));
      under_way_[{id, to}].push_back(std::move(envelope.message));
    }
    if (ready.syncs.size() > 0) {
      Say(id, fmt::format("answers {} sync", ready.syncs.size()));
    }
    const std::string is = fmt::format("{}{}", RoleName(*node.peer),
                                       node.peer->IsStopped()   ? ", stopped"
                                       : node.peer->IsServing() ? ", serves"
                                                                : "");
    if (is != node.was) {
      Say(id, fmt::format("is {}{}", is,
                          node.peer->role() == Role::kLooking &&
                                  !node.peer->last_trouble().empty()
                              ? ": " + node.peer->last_trouble()
                              : ""));
      node.was = is;
    }
    for (const ServerId other : ready.hang_ups) {
      const int to = static_cast<int>(other);
      Say(id, fmt::format("hangs up on {}", to));
    }
  }

  int voters_ = 0;
  size_t memory_ = 500;
  std::map<int, Node> nodes_;
  std::map<std::pair<int, int>, std::deque<Message>> under_way_;
  std::string out_;
};

// The file as it should be.
std::string Replay(const std::string& text) {
  World world;
  std::istringstream in(text);
  std::string result;
  std::string line;
  bool is_output = false;
  while (std::getline(in, line)) {
    if (is_output) {
      is_output = !line.empty();
    } else if (line == "----") {
      is_output = true;
    } else if (line.empty() || line[0] == '#') {
      result += line + "\n";
    } else {
      result += line + "\n----\n" + world.Run(line) + "\n";
    }
  }
  return result;
}

std::vector<std::string> Transcripts() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(PADDOCK_TRANSCRIPTS)) {
    names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class TranscriptTest : public testing::TestWithParam<std::string> {};

TEST_P(TranscriptTest, IsWhatHappens) {
  const fs::path path = fs::path(PADDOCK_TRANSCRIPTS) / (GetParam() + ".txt");
  std::ifstream in(path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSERT_FALSE(text.empty());
  const std::string replayed = Replay(text);
  if (std::getenv("PADDOCK_REWRITE_TRANSCRIPTS") != nullptr) {
    std::ofstream(path) << replayed;
  } else {
    EXPECT_EQ(replayed, text);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, TranscriptTest,
                         testing::ValuesIn(Transcripts()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paddock::zab

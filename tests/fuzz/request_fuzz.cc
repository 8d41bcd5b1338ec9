// Any frames, from clients with sessions and from strangers: the server
// answers or closes, its invariants hold, and what it logged restores to the
// tree that it has.
//
// Input: frames, each behind a byte that chooses the connection, whether the
// frame is a four-letter word, and what happens to the disk, and a two-byte
// length.

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "replica/admin.h"
#include "replica/replica_harness.h"

namespace paddock::replica {
namespace {

constexpr uint8_t kConnections = 3;

Options FuzzOptions() {
  Options options;
  options.tree.extended_types = true;
  options.enforce_quota = true;
  options.four_letter_words = {"*"};
  return options;
}

void Run(std::string_view input) {
  ReplicaHarness server(FuzzOptions());
  std::vector<ConnectionId> connections;
  for (uint8_t i = 0; i + 1 < kConnections; ++i) {
    connections.push_back(server.Connect());
  }
  connections.push_back(server.OpenConnection());  // A stranger
  while (input.size() >= 3) {
    const auto choice = static_cast<uint8_t>(input[0]);
    const size_t size = static_cast<uint8_t>(input[1]) * size_t{256} +
                        static_cast<uint8_t>(input[2]);
    input.remove_prefix(3);
    const std::string_view frame = input.substr(0, size);
    input.remove_prefix(frame.size());
    const std::string_view word = frame.substr(0, 4);
    if ((choice & 0x40) != 0 && IsFourLetterWord(word)) {
      server.replica().FourLetterWord(server.OpenConnection(), word,
                                      frame.substr(word.size()), {});
    } else {
      server.SendFrame(connections[choice % kConnections], frame);
    }
    if ((choice & 0x80) != 0) {
      server.FinishWrites();
    }
  }
  server.FinishWrites();
  server.Restart();
  server.replica().CheckInvariants();
}

}  // namespace
}  // namespace paddock::replica

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  paddock::replica::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Zxid: the name of a transaction and its place in the order of all
// (zab-and-disk.md 1.1).

#ifndef PADDOCK_ZAB_ZXID_H_
#define PADDOCK_ZAB_ZXID_H_

#include <compare>
#include <cstdint>
#include <ostream>

namespace paddock::zab {

// The wire's zxids are signed: no epoch may be above.
inline constexpr int64_t kEpochMax = INT32_MAX;

struct Zxid {
  uint32_t epoch = 0;
  uint32_t counter = 0;

  static constexpr Zxid FromWire(int64_t value) {
    const uint64_t bits = static_cast<uint64_t>(value);
    return {static_cast<uint32_t>(bits >> 32), static_cast<uint32_t>(bits)};
  }
  constexpr int64_t ToWire() const {
    return static_cast<int64_t>(uint64_t{epoch} << 32 | counter);
  }

  friend auto operator<=>(const Zxid&, const Zxid&) = default;
  friend std::ostream& operator<<(std::ostream& out, Zxid zxid) {
    return out << zxid.epoch << ":" << zxid.counter;
  }
};

}  // namespace paddock::zab

#endif  // PADDOCK_ZAB_ZXID_H_

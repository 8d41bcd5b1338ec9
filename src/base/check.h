// CHECK and its kin state what the code believes.  They are on in every build;
// a false one prints where, what and both sides, and ends the process, for a
// server that is wrong about itself must not go on promising things.
//
//   CHECK(ready.empty()) << "after zxid " << zxid;
//   CHECK_LE(current_epoch, accepted_epoch);
//
// Same names and meaning as Abseil's absl/log/check.h, which Debian 12 lacks.

#ifndef PADDOCK_BASE_CHECK_H_
#define PADDOCK_BASE_CHECK_H_

#include <optional>
#include <sstream>
#include <string>

namespace paddock::base {

// Collects the message of a failed check; its destructor does not return.
class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const std::string& what);
  [[noreturn]] ~CheckFailure();

  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Turns a stream expression into void, so that CHECK fits a ternary.
struct Voidify {
  void operator&(std::ostream&) const {}
};

template <class A, class B>
std::string DescribeSides(const char* expression, const A& a, const B& b) {
  std::ostringstream out;
  out << expression << " (" << a << " vs. " << b << ")";
  return out.str();
}

template <class A, class B, class Compare>
std::optional<std::string> CheckSides(const char* expression, const A& a,
                                      const B& b, Compare compare) {
  if (compare(a, b)) [[likely]] {
    return std::nullopt;
  }
  return DescribeSides(expression, a, b);
}

}  // namespace paddock::base

#define CHECK(condition)                                                  \
  (condition)                                                             \
      ? static_cast<void>(0)                                              \
      : ::paddock::base::Voidify() &                                      \
            ::paddock::base::CheckFailure(__FILE__, __LINE__, #condition) \
                .stream()

#define PADDOCK_CHECK_OP(op, a, b)                                     \
  while (auto failed_sides_ = ::paddock::base::CheckSides(             \
             #a " " #op " " #b, (a), (b),                              \
             [](const auto& x_, const auto& y_) { return x_ op y_; })) \
  ::paddock::base::CheckFailure(__FILE__, __LINE__, *failed_sides_).stream()

#define CHECK_EQ(a, b) PADDOCK_CHECK_OP(==, a, b)
#define CHECK_NE(a, b) PADDOCK_CHECK_OP(!=, a, b)
#define CHECK_LT(a, b) PADDOCK_CHECK_OP(<, a, b)
#define CHECK_LE(a, b) PADDOCK_CHECK_OP(<=, a, b)
#define CHECK_GT(a, b) PADDOCK_CHECK_OP(>, a, b)
#define CHECK_GE(a, b) PADDOCK_CHECK_OP(>=, a, b)

#endif  // PADDOCK_BASE_CHECK_H_

// RETURN_IF_ERROR and ASSIGN_OR_RETURN pass an absl::Status up to the caller.
// Debian 12's Abseil lacks them.

#ifndef PADDOCK_BASE_STATUS_MACROS_H_
#define PADDOCK_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                       \
  do {                                                    \
    if (absl::Status status_of_expression = (expression); \
        !status_of_expression.ok()) {                     \
      return status_of_expression;                        \
    }                                                     \
  } while (false)

#define PADDOCK_CONCAT_INNER(a, b) a##b
#define PADDOCK_CONCAT(a, b) PADDOCK_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(target, expression)                             \
  PADDOCK_ASSIGN_OR_RETURN(PADDOCK_CONCAT(status_or_, __LINE__), target, \
                           expression)

#define PADDOCK_ASSIGN_OR_RETURN(result, target, expression) \
  auto result = (expression);                                \
  if (!result.ok()) {                                        \
    return result.status();                                  \
  }                                                          \
  target = *std::move(result)

#endif  // PADDOCK_BASE_STATUS_MACROS_H_

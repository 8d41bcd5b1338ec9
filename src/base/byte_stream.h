// Streams of bytes as those who read and write them see them.  Whoever makes
// a stream decides where its bytes come from or go to.

#ifndef PADDOCK_BASE_BYTE_STREAM_H_
#define PADDOCK_BASE_BYTE_STREAM_H_

#include <cstddef>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace paddock {

// Stores the next bytes at `to`, at least one and at most `size`, and returns
// how many; 0 at the end of the stream.  REQUIRES: size > 0
using ByteSource =
    absl::FunctionRef<absl::StatusOr<size_t>(char* to, size_t size)>;

// Takes all of `bytes`.
using ByteSink = absl::FunctionRef<absl::Status(std::string_view bytes)>;

}  // namespace paddock

#endif  // PADDOCK_BASE_BYTE_STREAM_H_

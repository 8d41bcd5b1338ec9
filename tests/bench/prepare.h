// Makes the znodes that a kind of work needs, before the clock runs.

#ifndef PADDOCK_TESTS_BENCH_PREPARE_H_
#define PADDOCK_TESTS_BENCH_PREPARE_H_

#include <boost/asio/ip/tcp.hpp>

#include "absl/status/status.h"
#include "bench/generator.h"

namespace paddock::bench {

// Makes a root of its own for `load`, stores its path in load->requests.root,
// and puts below it the keys or the parents and children that its work needs.
// Blocks until all of that is there.
absl::Status Prepare(const boost::asio::ip::tcp::endpoint& server, Load* load);

}  // namespace paddock::bench

#endif  // PADDOCK_TESTS_BENCH_PREPARE_H_

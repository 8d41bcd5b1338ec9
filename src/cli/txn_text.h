// Transactions of a log as `paddock log` selects and prints them.  Pure.

#ifndef PADDOCK_CLI_TXN_TEXT_H_
#define PADDOCK_CLI_TXN_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jute/proto.h"
#include "jute/txn.h"
#include "tree/operation.h"

namespace paddock::cli {

// A transaction decoded; its views point into the bytes it was decoded from.
struct TxnView {
  jute::TxnHeader header;
  std::vector<tree::Operation> operations;  // See tree::DecodeTxn()
  std::optional<int32_t> session_timeout;   // Of createSession, in ms
  bool is_whole = true;  // False: only the header could be decoded
};

// Decodes the payload of a record, which holds a header at least.
TxnView DecodePayload(std::string_view payload);

// Which transactions to print; the default is all.  Bounds are part of what
// they bound; times are in ms since the epoch.
struct TxnFilter {
  std::string path;  // At or below it; empty: any
  std::optional<int64_t> session;
  uint64_t from_zxid = 0;
  uint64_t to_zxid = std::numeric_limits<uint64_t>::max();
  int64_t since_ms = std::numeric_limits<int64_t>::min();
  int64_t until_ms = std::numeric_limits<int64_t>::max();

  bool Selects(const TxnView& txn) const;
};

// ZooKeeper's name of an operation, such as "setData"; "type 99" for one that
// is not known.
std::string OperationName(jute::OpCode type);

// One line without its end; with at most `data_bytes_max` bytes of each data,
// or only its size for nullopt.
std::string TxnLine(const TxnView& txn, std::optional<size_t> data_bytes_max);

// The same as a JSON object.  `file` and `offset` say where it begins.
std::string TxnJson(const TxnView& txn, const std::string& file, int64_t offset,
                    std::optional<size_t> data_bytes_max);

}  // namespace paddock::cli

#endif  // PADDOCK_CLI_TXN_TEXT_H_

#include "cli/log.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "cli/arguments.h"
#include "cli/offline_state.h"
#include "cli/text.h"
#include "cli/txn_text.h"
#include "storage/file.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"

namespace paddock::cli {
namespace {

constexpr char kHelp[] =
    R"(usage: paddock log [OPTION...] FILE...

Prints the transactions of log files (version-2/log.*) of Paddock or ZooKeeper,
one a line: zxid, time, session, cxid, what was done to which path, and the size
of data.  A multi is followed by its operations, a closeSession by the ephemeral
nodes that it deletes.  Files may be in use, and are not changed.

  --path PATH    only transactions on PATH or below it
  --session ID   only those of the session ID (hexadecimal)
  --from ZXID    only those from ZXID on (hexadecimal)
  --to ZXID      only those up to ZXID
  --since TIME   only those from TIME on: UTC, such as 2026-01-31T23:59:59
  --until TIME   only those up to TIME
  --data         print the first 1024 bytes of data too: as quoted text, or as
                 hexadecimal digits where it is no text
  --json         print a JSON object for each transaction
  --help         print this, and end

The end of a file that is torn, as after a power cut, and damage are told on
stderr, with the offset of the first byte that is no transaction.

Exit codes:
  0  done; a file may have had a torn end, of which nothing was ever confirmed
  1  any other error
  2  wrong command line
  3  a file is missing or cannot be read
  7  a file is damaged, or is no transaction log
)";

constexpr size_t kDataBytesMax = 1024;

struct Arguments {
  TxnFilter filter;
  std::optional<size_t> data_bytes_max;
  bool json = false;
};

absl::Status Undecodable(const std::string& path, int64_t offset,
                         zab::Zxid zxid) {
  return absl::DataLossError(
      fmt::format("{}: the transaction {} at offset {} cannot be decoded", path,
                  Hex(zxid.ToWire()), offset));
}

// Tells of an end that is torn.  Errors: kDataLoss for damage.
absl::Status JudgeEnd(const storage::File& file,
                      const storage::LogReader& reader, zab::Zxid last) {
  ASSIGN_OR_RETURN(const storage::LogTail tail,
                   storage::JudgeTail(file, reader.end(), last));
  if (!tail.is_torn) {
    return absl::DataLossError(fmt::format(
        "{} is damaged at offset {} ({}), after zxid {}; intact transactions "
        "follow from offset {} (zxid {})",
        file.path(), reader.end(), reader.what(), Hex(last.ToWire()),
        tail.next->offset, Hex(tail.next->zxid.ToWire())));
  }
  fmt::print(stderr,
             "paddock log: {} has a torn end of {} at offset {} ({}), after "
             "zxid {}\n",
             file.path(), Count(reader.file_bytes() - reader.end(), "byte"),
             reader.end(), reader.what(), Hex(last.ToWire()));
  return absl::OkStatus();
}

absl::Status PrintFile(const std::string& path, const Arguments& arguments) {
  using Outcome = storage::LogReader::Outcome;
  ASSIGN_OR_RETURN(const storage::File file, storage::File::OpenForRead(path));
  ASSIGN_OR_RETURN(storage::LogReader reader, storage::LogReader::Open(&file));
  absl::Status status;
  zab::Zxid last;
  Outcome outcome;
  while ((outcome = reader.Next()) == Outcome::kRecord) {
    const storage::Record& record = reader.record();
    const int64_t offset = reader.end() - static_cast<int64_t>(record.bytes());
    const TxnView txn = DecodePayload(record.payload);
    last = record.zxid;
    if (!txn.is_whole) {
      status.Update(Undecodable(path, offset, last));
    }
    if (arguments.filter.Selects(txn)) {
      fmt::print("{}\n",
                 arguments.json
                     ? TxnJson(txn, path, offset, arguments.data_bytes_max)
                     : TxnLine(txn, arguments.data_bytes_max));
    }
  }
  std::fflush(stdout);  // Before what is told of the end
  if (outcome == Outcome::kError) {
    return reader.error();
  }
  if (outcome == Outcome::kForeign) {
    return absl::DataLossError(path + " is not a ZooKeeper transaction log");
  }
  if (outcome == Outcome::kBad) {
    status.Update(JudgeEnd(file, reader, last));
  }
  return status;
}

TakeValue TakePath(TxnFilter* filter) {
  return [filter](const std::string& value) {
    filter->path = value;
    if (value.size() > 1 && value.back() == '/') {
      filter->path.pop_back();
    }
    return value.substr(0, 1) == "/";
  };
}

template <class Bits>
TakeValue TakeHex(Bits* to) {
  return [to](const std::string& value) {
    const auto bits = ParseHex(value);
    *to = static_cast<Bits>(bits.value_or(0));
    return bits.has_value();
  };
}

TakeValue TakeTime(int64_t* to_ms) {
  return [to_ms](const std::string& value) {
    const auto time = ParseUtcTime(value);
    *to_ms = absl::ToUnixMillis(time.value_or(absl::UnixEpoch()));
    return time.has_value();
  };
}

}  // namespace

ExitCode RunLog(int argc, char** argv) {
  constexpr char kPath[] = "a path that begins with a slash";
  constexpr char kNumber[] = "a hexadecimal number";
  constexpr char kTime[] = "a time such as 2026-01-31T23:59:59";
  Arguments arguments;
  TxnFilter& filter = arguments.filter;
  bool data = false;
  std::vector<std::string> words;
  if (const auto end =
          TakeArguments(argc, argv, kHelp,
                        {{"path", TakePath(&filter), kPath},
                         {"session", TakeHex(&filter.session), kNumber},
                         {"from", TakeHex(&filter.from_zxid), kNumber},
                         {"to", TakeHex(&filter.to_zxid), kNumber},
                         {"since", TakeTime(&filter.since_ms), kTime},
                         {"until", TakeTime(&filter.until_ms), kTime},
                         {"data", &data},
                         {"json", &arguments.json}},
                        &words)) {
    return *end;
  }
  if (words.empty()) {
    return Misused(argv, "name the files to print");
  }
  if (data) {
    arguments.data_bytes_max = kDataBytesMax;
  }
  ExitCode code = ExitCode::kOk;
  for (const std::string& path : words) {
    const absl::Status status = PrintFile(path, arguments);
    if (!status.ok()) {
      code = Report("log", status);
    }
  }
  return code;
}

}  // namespace paddock::cli

#include "cli/log_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cli/text.h"
#include "cli/txn_text.h"
#include "storage/file.h"
#include "storage/log_format.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"

namespace paddock::cli {
namespace {

using storage::LogReader;

std::string Hex(zab::Zxid zxid) { return cli::Hex(zxid.ToWire()); }

class Checker {
 public:
  explicit Checker(zab::Zxid base) : base_(base) { report_.last = base; }

  absl::StatusOr<LogReport> Run(const std::string& dir);

 private:
  absl::Status ReadFile(size_t index);
  absl::Status Take(size_t index, const LogReader& reader);
  absl::Status NoteEnd(size_t index, const storage::File& file,
                       const LogReader& reader, LogReader::Outcome outcome);
  void NoteTrouble(size_t file, int64_t offset, std::string what);
  void NoteLost(zab::Zxid zxid);
  absl::Status CountIntact(const storage::File& file, int64_t from);

  const zab::Zxid base_;
  LogReport report_;
  std::optional<zab::Zxid> previous_;  // The record before, in any file
  // An older file whose end is not clean, until the next record.
  std::optional<size_t> unclean_;
};

absl::StatusOr<LogReport> Checker::Run(const std::string& dir) {
  ASSIGN_OR_RETURN(const auto names, storage::ListDir(dir));
  std::vector<std::pair<zab::Zxid, std::string>> found;
  for (const std::string& name : names) {
    if (const auto zxid = storage::ZxidOfName("log.", name)) {
      found.emplace_back(*zxid, dir + "/" + name);
    }
  }
  std::sort(found.begin(), found.end());
  for (auto& [zxid, path] : found) {
    report_.files.push_back({.path = std::move(path)});
  }
  for (size_t i = 0; i < report_.files.size(); ++i) {
    RETURN_IF_ERROR(ReadFile(i));
  }
  // What only the last of the files with records decides.
  if (unclean_) {
    LogFacts& facts = report_.files[*unclean_];
    ASSIGN_OR_RETURN(const storage::File file,
                     storage::File::OpenForRead(facts.path));
    ASSIGN_OR_RETURN(const storage::LogTail tail,
                     storage::JudgeTail(file, facts.used_bytes, report_.last));
    facts.end = tail.is_torn ? LogFacts::End::kTorn : LogFacts::End::kDamaged;
    if (!tail.is_torn) {
      NoteTrouble(
          *unclean_, facts.used_bytes,
          fmt::format("{}, and intact transactions follow from offset "
                      "{} (zxid {})",
                      facts.what, tail.next->offset, Hex(tail.next->zxid)));
      RETURN_IF_ERROR(CountIntact(file, facts.used_bytes));
    }
  }
  return std::move(report_);
}

absl::Status Checker::ReadFile(size_t index) {
  LogFacts& facts = report_.files[index];
  ASSIGN_OR_RETURN(const storage::File file,
                   storage::File::OpenForRead(facts.path));
  ASSIGN_OR_RETURN(LogReader reader, LogReader::Open(&file));
  LogReader::Outcome outcome;
  while ((outcome = reader.Next()) == LogReader::Outcome::kRecord) {
    RETURN_IF_ERROR(Take(index, reader));
  }
  facts.used_bytes = reader.end();
  facts.file_bytes = reader.file_bytes();
  return NoteEnd(index, file, reader, outcome);
}

absl::Status Checker::Take(size_t index, const LogReader& reader) {
  LogFacts& facts = report_.files[index];
  const storage::Record& record = reader.record();
  const zab::Zxid zxid = record.zxid;
  const int64_t offset = reader.end() - static_cast<int64_t>(record.bytes());
  const bool is_first = facts.txns++ == 0;
  facts.first = is_first ? zxid : facts.first;
  facts.last = zxid;
  const bool follows =
      previous_ && (storage::Continues(*previous_, zxid) || zxid == *previous_);
  previous_ = zxid;
  if (unclean_) {
    report_.files[*unclean_].end =
        follows ? LogFacts::End::kPassedBy : LogFacts::End::kDamaged;
  }
  const std::optional<size_t> unclean = std::exchange(unclean_, std::nullopt);
  if (report_.trouble) {
    NoteLost(zxid);
    return absl::OkStatus();
  }
  const auto name = storage::LogFileName(zxid);
  const bool has_name = !is_first || facts.path.ends_with("/" + name);
  if (!has_name) {
    NoteTrouble(index, 0,
                fmt::format("it begins with zxid {}, not the one in its name",
                            Hex(zxid)));
  } else if (zxid > base_ && !follows &&
             !storage::Continues(report_.last, zxid)) {
    // Where an older file is damaged, the gap is what that costs.
    const size_t file = unclean.value_or(index);
    const int64_t at = unclean    ? report_.files[*unclean].used_bytes
                       : is_first ? 0
                                  : offset;
    NoteTrouble(file, at,
                fmt::format("transactions are missing between {} and {}",
                            Hex(report_.last), Hex(zxid)));
  } else if (zxid > base_ && !DecodePayload(record.payload).is_whole) {
    NoteTrouble(index, offset,
                fmt::format("the transaction {} cannot be decoded", Hex(zxid)));
  }
  if (!report_.trouble) {
    report_.last = std::max(report_.last, zxid);
    return absl::OkStatus();
  }
  if (report_.trouble->file != index) {
    const LogFacts& damaged = report_.files[report_.trouble->file];
    ASSIGN_OR_RETURN(const storage::File file,
                     storage::File::OpenForRead(damaged.path));
    RETURN_IF_ERROR(CountIntact(file, damaged.used_bytes));
  }
  NoteLost(zxid);
  return absl::OkStatus();
}

absl::Status Checker::NoteEnd(size_t index, const storage::File& file,
                              const LogReader& reader,
                              LogReader::Outcome outcome) {
  LogFacts& facts = report_.files[index];
  if (outcome == LogReader::Outcome::kError) {
    return reader.error();
  }
  if (outcome == LogReader::Outcome::kForeign) {
    facts.end = LogFacts::End::kForeign;
    NoteTrouble(index, 0, "it is no ZooKeeper transaction log");
  } else if (outcome == LogReader::Outcome::kBad) {
    facts.end = LogFacts::End::kDamaged;
    facts.what = reader.what();
    if (report_.trouble) {
      RETURN_IF_ERROR(CountIntact(file, facts.used_bytes));
    } else {
      unclean_ = index;
    }
  }
  return absl::OkStatus();
}

void Checker::NoteTrouble(size_t file, int64_t offset, std::string what) {
  if (!report_.trouble) {
    report_.trouble =
        LogTrouble{.file = file, .offset = offset, .what = std::move(what)};
  }
}

void Checker::NoteLost(zab::Zxid zxid) {
  LogTrouble& trouble = *report_.trouble;
  if (zxid > report_.last) {
    trouble.lost_first = trouble.lost_txns == 0 ? zxid : trouble.lost_first;
    trouble.lost_last = zxid;
    ++trouble.lost_txns;
  }
}

// Counts the intact records behind damage as lost.
absl::Status Checker::CountIntact(const storage::File& file, int64_t from) {
  ASSIGN_OR_RETURN(const int64_t file_bytes, file.Size());
  std::string bytes;
  for (;;) {
    ASSIGN_OR_RETURN(const auto next,
                     storage::FindIntactRecord(file, from, report_.last));
    if (!next) {
      return absl::OkStatus();
    }
    from = next->offset;
    if (bytes.empty()) {
      bytes.resize(static_cast<size_t>(file_bytes - from));
      ASSIGN_OR_RETURN(const size_t got,
                       file.ReadAt(from, bytes.data(), bytes.size()));
      bytes.resize(got);
    } else {
      bytes.erase(0, bytes.size() - static_cast<size_t>(file_bytes - from));
    }
    std::string_view rest = bytes;
    for (auto parsed = storage::ParseRecord(rest);
         parsed.kind == storage::ParsedRecord::Kind::kRecord;
         parsed = storage::ParseRecord(rest)) {
      NoteLost(parsed.record.zxid);
      rest.remove_prefix(parsed.record.bytes());
    }
    from = file_bytes - static_cast<int64_t>(rest.size());
  }
}

}  // namespace

absl::StatusOr<LogReport> CheckLogs(const std::string& dir, zab::Zxid base) {
  return Checker(base).Run(dir);
}

}  // namespace paddock::cli

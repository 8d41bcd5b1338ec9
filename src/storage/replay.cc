#include "storage/replay.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "storage/file.h"
#include "storage/log_format.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"

namespace paddock::storage {
namespace {

constexpr absl::Duration kProgressPeriod = absl::Seconds(1);

struct LogFile {
  std::string path;
  zab::Zxid name_zxid;
  int64_t bytes = 0;
  bool has_record = false;
};

uint64_t Hex(zab::Zxid zxid) { return static_cast<uint64_t>(zxid.ToWire()); }

class Replay {
 public:
  Replay(const std::string& dir, zab::Zxid start, RestoreTxn restore)
      : dir_(dir), start_(start), restore_(restore), last_(start) {}

  absl::StatusOr<zab::DurableState> Run() {
    RETURN_IF_ERROR(List());
    for (const LogFile& file : files_) {
      RETURN_IF_ERROR(ReadFile(file));
    }
    if (told_progress_) {
      log::Info("loaded {} transactions", txn_count_);
    }
    return zab::DurableState{last_};
  }

  // After Run().
  absl::Status Tidy();

 private:
  // An end that is not clean.
  struct Trouble {
    std::string path;
    int64_t offset = 0;
    int64_t file_bytes = 0;
    std::string what;
  };

  absl::Status List();
  absl::Status ReadFile(const LogFile& file);
  absl::Status Take(const LogFile& file, const LogReader& reader);
  absl::Status TakeRepeated(const LogFile& file, const LogReader& reader);
  absl::Status CheckFirst(const LogFile& file, zab::Zxid first) const;
  absl::StatusOr<bool> MayBeTornStart(const File& file,
                                      const LogFile& log) const;
  absl::Status Damage(const Trouble& trouble, const IntactRecord& next) const;
  absl::Status RewriteLastBatch(File* file) const;
  void Progress(int64_t bytes_done);

  const std::string& dir_;
  const zab::Zxid start_;
  const RestoreTxn restore_;
  std::vector<LogFile> files_;  // By zxid

  zab::Zxid last_;
  int64_t txn_count_ = 0;
  bool repeated_ = false;           // `last_` was seen twice
  zab::Txn txn_;                    // The last one restored
  std::optional<Trouble> trouble_;  // Since the last record
  std::vector<Trouble> torn_;       // To be cut

  const LogFile* newest_ = nullptr;         // With a record
  int64_t newest_used_bytes_ = 0;           // Of that file
  std::vector<const LogFile*> recordless_;  // Newer than that

  int64_t bytes_total_ = 0;
  int64_t bytes_before_ = 0;  // Of the files read
  bool told_progress_ = false;
  absl::Duration progress_time_ = MonotonicNow();
};

absl::Status Replay::List() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir_));
  for (const std::string& name : names) {
    if (const std::optional<zab::Zxid> zxid = ZxidOfName("log.", name)) {
      files_.push_back({dir_ + "/" + name, *zxid});
    }
  }
  std::sort(files_.begin(), files_.end(),
            [](const LogFile& a, const LogFile& b) {
              return a.name_zxid < b.name_zxid;
            });
  // The first that may hold something new is the last one named before it.
  const auto newer = std::find_if(
      files_.begin(), files_.end(),
      [this](const LogFile& log) { return log.name_zxid > start_; });
  if (newer != files_.begin()) {
    files_.erase(files_.begin(), newer - 1);
  }
  for (LogFile& log : files_) {
    ASSIGN_OR_RETURN(const File file, File::OpenForRead(log.path));
    ASSIGN_OR_RETURN(LogReader reader, LogReader::Open(&file));
    log.bytes = reader.file_bytes();
    const LogReader::Outcome first = reader.Next();
    if (first == LogReader::Outcome::kError) {
      return reader.error();
    }
    log.has_record = first == LogReader::Outcome::kRecord;
    bytes_total_ += log.bytes;
    if (log.has_record) {
      newest_ = &log;
    }
  }
  return absl::OkStatus();
}

absl::Status Replay::ReadFile(const LogFile& log) {
  ASSIGN_OR_RETURN(const File file, File::OpenForRead(log.path));
  ASSIGN_OR_RETURN(LogReader reader, LogReader::Open(&file));
  LogReader::Outcome outcome;
  bool first = true;
  while ((outcome = reader.Next()) == LogReader::Outcome::kRecord) {
    if (first) {
      RETURN_IF_ERROR(CheckFirst(log, reader.record().zxid));
      trouble_.reset();
      first = false;
    }
    RETURN_IF_ERROR(Take(log, reader));
    Progress(bytes_before_ + reader.fetched());
  }
  bytes_before_ += log.bytes;
  if (outcome == LogReader::Outcome::kError) {
    return reader.error();
  }
  const bool is_last =
      newest_ == nullptr || log.name_zxid >= newest_->name_zxid;
  const char* what = reader.what();
  if (outcome == LogReader::Outcome::kForeign) {
    ASSIGN_OR_RETURN(const bool is_ours, MayBeTornStart(file, log));
    if (!is_last || !is_ours) {
      return absl::DataLossError(fmt::format(
          "{} is not a ZooKeeper transaction log; move it away if it does not "
          "belong here",
          log.path));
    }
    outcome = LogReader::Outcome::kBad;
    what = "no file header";
  }
  if (outcome == LogReader::Outcome::kBad) {
    trouble_ = Trouble{log.path, reader.end(), log.bytes, what};
  }
  if (outcome == LogReader::Outcome::kBad && is_last) {
    ASSIGN_OR_RETURN(const LogTail tail,
                     JudgeTail(file, trouble_->offset, last_));
    if (!tail.is_torn) {
      return Damage(*trouble_, *tail.next);
    }
    torn_.push_back(*trouble_);
  }
  if (&log == newest_) {
    newest_used_bytes_ = reader.end();
  } else if (is_last) {
    recordless_.push_back(&log);
  }
  return absl::OkStatus();
}

// Checks what the name of a file and the files before it promise.
absl::Status Replay::CheckFirst(const LogFile& log, zab::Zxid first) const {
  if (first != log.name_zxid) {
    return absl::DataLossError(
        fmt::format("{} begins with zxid 0x{:x}, not the one in its name",
                    log.path, Hex(first)));
  }
  if (Continues(last_, first) || first == last_ || first <= start_) {
    return absl::OkStatus();
  }
  if (trouble_) {
    return absl::DataLossError(fmt::format(
        "{} is damaged at offset {} ({}): transactions are missing between "
        "0x{:x} and 0x{:x}, where {} begins.  Nothing was changed.  Restore "
        "the file from a copy",
        trouble_->path, trouble_->offset, trouble_->what, Hex(last_),
        Hex(first), log.path));
  }
  if (last_ == zab::Zxid{}) {
    return absl::DataLossError(fmt::format(
        "the transactions before {} are missing: a history begins with "
        "counter 1.  Restore the log files before it",
        log.path));
  }
  return absl::DataLossError(fmt::format(
      "transactions are missing between 0x{:x} and 0x{:x}, where {} begins.  "
      "Restore the log files between them",
      Hex(last_), Hex(first), log.path));
}

absl::Status Replay::Take(const LogFile& log, const LogReader& reader) {
  const Record& record = reader.record();
  if (record.zxid <= start_ && start_ != zab::Zxid{}) {
    return absl::OkStatus();  // The state at the start has it
  }
  if (record.zxid == last_ && txn_count_ > 0) {
    return TakeRepeated(log, reader);
  }
  if (!Continues(last_, record.zxid)) {
    return absl::DataLossError(fmt::format(
        "{}: the record before offset {} has zxid 0x{:x}, which cannot follow "
        "0x{:x}.  Nothing was changed.  Restore the file from a copy",
        log.path, reader.end(), Hex(record.zxid), Hex(last_)));
  }
  last_ = record.zxid;
  repeated_ = false;
  ++txn_count_;
  txn_.zxid = record.zxid;
  txn_.bytes.assign(record.payload);
  return restore_(txn_);
}

// A leader of release 3.9 may give an error transaction the zxid of the one
// before it (zab-and-disk.md 12.B 8).  It changes nothing.
absl::Status Replay::TakeRepeated(const LogFile& log, const LogReader& reader) {
  const std::string_view payload = reader.record().payload;
  if (repeated_ || (!IsErrorPayload(payload) && payload != txn_.bytes)) {
    return absl::DataLossError(fmt::format(
        "{}: the record before offset {} repeats zxid 0x{:x} with another "
        "content.  Nothing was changed.  Restore the file from a copy",
        log.path, reader.end(), Hex(last_)));
  }
  repeated_ = true;
  return absl::OkStatus();
}

// Whether the first sector of the file that would be the next may be garbage
// that a power cut left: as a whole, so that not even the magic is right.
absl::StatusOr<bool> Replay::MayBeTornStart(const File& file,
                                            const LogFile& log) const {
  constexpr size_t kMagicBytes = 4;
  std::string header;
  AppendFileHeader(&header);
  std::string start(kMagicBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   file.ReadAt(0, start.data(), start.size()));
  return got == kMagicBytes && start != header.substr(0, kMagicBytes) &&
         Continues(last_, log.name_zxid);
}

absl::Status Replay::Damage(const Trouble& trouble,
                            const IntactRecord& next) const {
  return absl::DataLossError(fmt::format(
      "{} is damaged at offset {} ({}), after zxid 0x{:x}; intact records "
      "follow from offset {} (zxid 0x{:x}).  Nothing was changed.  Restore the "
      "file from a copy; where there is none, paddock check says what is lost "
      "without it, and can give that up",
      trouble.path, trouble.offset, trouble.what, Hex(last_), next.offset,
      Hex(next.zxid)));
}

absl::Status Replay::Tidy() {
  for (const Trouble& tail : torn_) {
    log::Warning(
        "{}: cutting a torn tail of {} bytes at offset {} ({}), which was "
        "never confirmed; the last transaction is 0x{:x}",
        tail.path, tail.file_bytes - tail.offset, tail.offset, tail.what,
        Hex(last_));
  }
  if (newest_ != nullptr) {
    ASSIGN_OR_RETURN(File file, File::OpenForWrite(newest_->path));
    if (newest_used_bytes_ < newest_->bytes) {
      RETURN_IF_ERROR(file.Truncate(newest_used_bytes_));
    }
    RETURN_IF_ERROR(RewriteLastBatch(&file));
    RETURN_IF_ERROR(file.SyncData());
  }
  for (const LogFile* const log : recordless_) {
    log::Info("{}: removing a log without transactions", log->path);
    RETURN_IF_ERROR(RemoveFile(log->path));
  }
  return SyncDir(dir_);
}

// When the last process ended for a sync that failed, what it wrote may be read
// from memory only, and no sync would bring it to the disk any more.
absl::Status Replay::RewriteLastBatch(File* file) const {
  const int64_t bytes_max = static_cast<int64_t>(
      kFileHeaderBytes +
      std::max(kBatchBytesMax, txn_.bytes.size() + kRecordOverheadBytes));
  const int64_t from = std::max<int64_t>(newest_used_bytes_ - bytes_max, 0);
  std::string bytes(static_cast<size_t>(newest_used_bytes_ - from), '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   file->ReadAt(from, bytes.data(), bytes.size()));
  CHECK_EQ(got, bytes.size()) << file->path();
  return file->WriteAt(from, bytes);
}

void Replay::Progress(int64_t bytes_done) {
  constexpr int64_t kTxnsPerLook = 1024;
  if (txn_count_ % kTxnsPerLook != 0) {
    return;
  }
  const absl::Duration now = MonotonicNow();
  if (now - progress_time_ < kProgressPeriod) {
    return;
  }
  progress_time_ = now;
  told_progress_ = true;
  log::Info("loading the transaction log: {} %, {} transactions",
            100 * bytes_done / std::max<int64_t>(bytes_total_, 1), txn_count_);
}

}  // namespace

absl::StatusOr<zab::DurableState> ReplayLogs(const std::string& dir,
                                             zab::Zxid start,
                                             RestoreTxn restore) {
  Replay replay(dir, start, restore);
  ASSIGN_OR_RETURN(const zab::DurableState state, replay.Run());
  RETURN_IF_ERROR(replay.Tidy());
  return state;
}

absl::StatusOr<zab::DurableState> ReadLogs(const std::string& dir,
                                           zab::Zxid start,
                                           RestoreTxn restore) {
  return Replay(dir, start, restore).Run();
}

}  // namespace paddock::storage

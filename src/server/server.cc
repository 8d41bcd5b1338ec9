#include "server/server.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "replica/admin.h"
#include "server/memory_account.h"
#include "server/process_facts.h"

namespace paddock::server {
namespace {

// A batch ends after so much output, so that neither replies nor writes wait
// long for others.  After so much time requests are held back: sockets are
// still read, for the heartbeats.
constexpr size_t kOutputBytesPerBatch = 16 << 20;
constexpr absl::Duration kBatchTimeMax = absl::Milliseconds(5);

// Output is collected from the Replica this often at least, so that the limits
// of unsent output see it in time.
constexpr size_t kOutputBytesPerCollect = 256 << 10;
constexpr size_t kFramesPerCollectMax = 64;

// The clock is read after one request if such are slow, else after so many.
constexpr int kFramesPerClockMax = 64;
constexpr absl::Duration kSlowFrames = absl::Microseconds(500);

// Of a wait that ended this much late, the process was not run.
constexpr absl::Duration kStallMin = absl::Seconds(1);

// Below this a disk is slow, of which Storage tells when it was.
constexpr absl::Duration kDiskStallMin = absl::Seconds(2);

constexpr absl::Duration kWaitMax = absl::Seconds(60);

// How often the log tells where memory is.
constexpr absl::Duration kAccountPeriod = absl::Hours(1);

// For clients to close their side, once ours is shut down.
constexpr absl::Duration kCloseTimeout = absl::Milliseconds(250);

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

Server::Server(const ServerOptions& options)
    : options_(options),
      spin_(SpinTimesFor(CoresGranted())),
      disk_watch_(std::max(options.storage.sync_warning, kDiskStallMin)) {}

Server::~Server() = default;

// --- Start ---

ExitCode Server::Start() {
  CHECK(replica_ == nullptr) << "Start() is called once";
  // A client or a log reader that is gone is an error of that write.
  std::signal(SIGPIPE, SIG_IGN);
  start_ = now_ = batch_end_ = MonotonicNow();
  if (options_.purge_interval < absl::InfiniteDuration()) {
    next_purge_ = now_;
  }
  options_.replica.session_id_seed_ms = WallMs();
  options_.storage.spin = spin_.log;
  options_.clients.throttle.random_seed = static_cast<uint64_t>(WallMs());
  if (const ExitCode code = OpenStorage(); code != ExitCode::kOk) {
    return code;
  }
  net::ClientEvents* const events = this;
  connections_ = std::make_unique<net::ClientConnections>(options_.clients,
                                                          &loop_, events);
  if (const ExitCode code = BindPort(); code != ExitCode::kOk) {
    return code;
  }
  if (const ExitCode code = LoadHistory(); code != ExitCode::kOk) {
    return code;
  }
  StartStorage();
  signals_.emplace(&loop_, [this] { BeginStop(); });
  if (const absl::Status status = listener_->Listen(); !status.ok()) {
    log::Error("{}", Message(status));
    return ExitCode::kListenFailed;
  }
  log::Info("serving clients on {}", listener_->address());
  return ExitCode::kOk;
}

void Server::StartStorage() {
  storage_->Start(
      {.persisted =
           [this](uint64_t write_id) {
             if (persisted_.exchange(write_id) == 0) {
               loop_.Wake();
             }
           },
       .failed =
           [this](absl::Status status) {
             loop_.Post([this, status] { Fail(status); });
           },
       .checkpoint_drained = [this] { loop_.Wake(); },  // Goes on with it
       .checkpointed =
           [this](absl::Status status) {
             loop_.Post([this, status] { OnCheckpointed(status); });
           }});
}

ExitCode Server::OpenStorage() {
  absl::StatusOr<std::unique_ptr<storage::Storage>> opened =
      storage::Storage::Open(options_.storage);
  if (opened.ok()) {
    storage_ = *std::move(opened);
    return ExitCode::kOk;
  }
  log::Error("{}", Message(opened.status()));
  return absl::IsUnavailable(opened.status()) ? ExitCode::kDataFolderBusy
                                              : ExitCode::kDataFolder;
}

ExitCode Server::BindPort() {
  absl::StatusOr<std::unique_ptr<net::ClientListener>> bound =
      net::ClientListener::Bind(options_.clients, &loop_, this,
                                connections_.get());
  if (bound.ok()) {
    listener_ = *std::move(bound);
    return ExitCode::kOk;
  }
  const bool port_in_use = absl::IsUnavailable(bound.status());
  log::Error("{}{}",
             port_in_use || options_.clients.address.empty()
                 ? options_.client_port_origin
                 : options_.client_address_origin,
             Message(bound.status()));
  return port_in_use ? ExitCode::kPortInUse : ExitCode::kListenFailed;
}

ExitCode Server::LoadHistory() {
  replica_ = std::make_unique<replica::Replica>(options_.replica);
  const absl::Duration begin = MonotonicNow();
  int64_t count = 0;
  const auto restore_checkpoint = [this](const storage::CheckpointHead& head,
                                         storage::CheckpointSource source) {
    tree::SessionTimeouts sessions;
    for (const storage::CheckpointSession& session : head.sessions) {
      sessions[session.id] = session.timeout_ms;
    }
    return replica_->RestoreCheckpoint(head.zxid, head.digest,
                                       std::move(sessions), source);
  };
  const auto restore_snapshot = [this](zab::Zxid zxid, ByteSource source) {
    return replica_->RestoreSnapshot(zxid, source);
  };
  const auto restore_txn = [&](const zab::Txn& txn) {
    ++count;
    log_bytes_ += static_cast<int64_t>(txn.bytes.size());
    return replica_->Restore(txn)
               ? absl::OkStatus()
               : absl::DataLossError(fmt::format(
                     "transaction 0x{:x} of the log cannot be decoded",
                     txn.zxid.ToWire()));
  };
  const absl::StatusOr<zab::DurableState> state =
      storage_->Load({.checkpoint = restore_checkpoint,
                      .snapshot = restore_snapshot,
                      .txn = restore_txn});
  if (!state.ok()) {
    log::Error("{}", Message(state.status()));
    return absl::IsDataLoss(state.status()) ? ExitCode::kDamagedLog
                                            : ExitCode::kDataFolder;
  }
  ReleaseFreeMemory(FreeBytes());  // What reading took
  now_ = MonotonicNow();
  if (count > 0) {
    stats_.transactions_loaded.Add(count);
  }
  stats_.load_time.Add(absl::ToInt64Milliseconds(now_ - begin));
  for (const std::string& finding :
       replica_->FinishRestore({.now = now_, .wall_ms = WallMs()})) {
    log::Error("{}", finding);
  }
  return ExitCode::kOk;
}

// --- The loop ---

ExitCode Server::Run() {
  while (phase_ != Phase::kStopped && !failure_.has_value()) {
    RunBatch();
  }
  if (failure_.has_value()) {
    return *failure_;
  }
  if (disk_watch_.waiting() > 0) {
    log::Info("waiting for the disk to confirm the last writes");
  }
  storage_->Stop();
  while (loop_.RunOne()) {
  }
  if (failure_.has_value()) {  // It could not write the last
    return *failure_;
  }
  log::Info("stopped");
  return ExitCode::kOk;
}

void Server::RunBatch() {
  loop_.Wait(more_work_ ? absl::ZeroDuration()
                        : Deadline() + stalled_ - MonotonicNow(),
             spin_.ForOwner(disk_watch_.waiting()));
  while (collected_bytes_ < kOutputBytesPerBatch && loop_.RunOne()) {
  }
  if (const uint64_t write_id = persisted_.exchange(0); write_id != 0) {
    OnPersisted(write_id);
  }
  BeginBatch();  // For what only time has brought
  connections_->RunTimers();
  listener_->RunTimers();
  disk_watch_.RunTimers(now_);
  Collect();
  more_work_ = connections_->Flush();
  more_work_ |= connections_->Resume();
  AdvanceCheckpoint();
  memory_trimmer_.RunTimers(now_);
  TellMemory();
  if (phase_ != Phase::kServing) {
    ContinueStop();
  }
  in_batch_ = false;
  collected_bytes_ = 0;
  batch_end_ = batch_start_ = clock_ = MonotonicNow() - stalled_;
}

absl::Duration Server::Deadline() const {
  constexpr absl::Duration kNever = absl::InfiniteDuration();
  return std::min({now_ + kWaitMax, replica_->NextDeadline(),
                   connections_->NextDeadline(), listener_->NextDeadline(),
                   disk_watch_.NextDeadline(), memory_trimmer_.NextDeadline(),
                   next_purge_,
                   phase_ == Phase::kServing ? kNever : phase_deadline_,
                   IsCheckpointDue() ? next_checkpoint_ : kNever});
}

void Server::BeginBatch() {
  if (in_batch_) {
    return;
  }
  in_batch_ = true;
  const absl::Duration now = MonotonicNow() - stalled_;
  batch_start_ = clock_ = now;
  const absl::Duration late = now - std::max(Deadline(), batch_end_);
  if (late > kStallMin) {
    // What clients sent meanwhile lies in their sockets.  If this counted as
    // time, their sessions would expire before it is read.
    stalled_ += late;
    stats_.pauses.Add(absl::ToInt64Milliseconds(late));
    log::Warning("this process was not run for {} ms",
                 absl::ToInt64Milliseconds(late));
  }
  now_ = std::max(now_, now - std::max(late, absl::ZeroDuration()));
  replica_->Step(replica::Tick{.now = now_, .wall_ms = WallMs()});
}

void Server::Collect() {
  replica::Ready ready = replica_->TakeReady();
  size_t bytes = 0;
  for (size_t i = 0; i < ready.outputs.size(); ++i) {
    connections_->PrefetchFor(i, ready.outputs.size(), [&](size_t later) {
      return ready.outputs[later].connection;
    });
    replica::Output& output = ready.outputs[i];
    bytes += output.bytes.size();
    connections_->Append(output.connection, std::move(output.bytes),
                         output.close);
  }
  collected_bytes_ += bytes;
  for (const std::string& notice : ready.notices) {
    if (notice_log_.Allow(now_)) {
      log::Warning("{}{}", notice, notice_log_.TakeSuppressedText());
    }
  }
  Submit(std::move(ready.writes));
  if (frames_since_collect_ > 0) {
    const size_t bytes_per_frame = bytes / frames_since_collect_ + 1;
    frames_per_collect_ = std::clamp<size_t>(
        kOutputBytesPerCollect / bytes_per_frame, 1, kFramesPerCollectMax);
    frames_since_collect_ = 0;
  }
}

void Server::Submit(std::vector<zab::Write> writes) {
  if (writes.empty()) {
    return;
  }
  for (const zab::Write& write : writes) {
    log_bytes_ += static_cast<int64_t>(write.txn().bytes.size());
  }
  disk_watch_.Submitted(writes.back().id, now_);
  storage_->Submit(std::move(writes));
}

void Server::OnPersisted(uint64_t write_id) {
  BeginBatch();
  disk_watch_.Persisted(write_id, now_);
  replica_->Step(replica::Persisted{.write_id = write_id});
}

void Server::TellMemory() {
  if (now_ < next_account_) {
    return;
  }
  next_account_ = now_ + kAccountPeriod;
  log::Info("{}", MemoryText(TakeMemoryAccount(*replica_, *connections_)));
}

// --- The end ---

void Server::Stop() {
  loop_.Post([this] { BeginStop(); });
}

void Server::BeginStop() {
  if (phase_ != Phase::kServing) {
    return;
  }
  log::Info("stopping");
  phase_deadline_ = Now() + options_.stop_timeout;
  phase_ = Phase::kAnswering;
  listener_->Close();
  connections_->StopReading();
}

void Server::ContinueStop() {
  const bool late = now_ >= phase_deadline_;
  if (phase_ == Phase::kAnswering &&
      (late || (replica_->outstanding() == 0 &&
                connections_->totals().unsent_bytes == 0))) {
    phase_ = Phase::kClosing;
    phase_deadline_ = now_ + kCloseTimeout;
    connections_->CloseAll();
  }
  if (phase_ == Phase::kClosing &&
      (connections_->AllClosed() || now_ >= phase_deadline_)) {
    phase_ = Phase::kStopped;
  }
}

void Server::Fail(const absl::Status& status) {
  failure_ = ExitCode::kLogWriteFailed;
  log::Error(
      "the transaction log cannot be written: {}; ending with exit code {}, "
      "for no write can be confirmed any more",
      Message(status), static_cast<int>(*failure_));
}

// --- What the client port says and asks ---

absl::Duration Server::Now() {
  BeginBatch();
  return now_;
}

void Server::OnConnected(ConnectionId connection, const std::string& address,
                         uint16_t port) {
  BeginBatch();
  replica_->Step(replica::Connected{
      .connection = connection, .address = address, .port = port});
}

void Server::OnFrame(ConnectionId connection, std::string_view frame,
                     absl::Duration waited) {
  BeginBatch();
  replica_->Step(replica::Received{
      .connection = connection, .frame = frame, .waited = waited});
  if (++frames_since_collect_ >= frames_per_collect_) {
    Collect();
  }
  if (++frames_since_clock_ >= frames_per_clock_) {
    ReadClock();
  }
}

void Server::OnAhead(absl::Span<const std::string_view> frames) {
  replica_->LookAhead(frames);
}

void Server::ReadClock() {
  const absl::Duration now = MonotonicNow() - stalled_;
  frames_per_clock_ = now - clock_ > kSlowFrames
                          ? 1
                          : std::min(2 * frames_per_clock_, kFramesPerClockMax);
  frames_since_clock_ = 0;
  clock_ = now;
}

bool Server::IsTimeUp() const { return clock_ - batch_start_ > kBatchTimeMax; }

void Server::OnDisconnected(ConnectionId connection) {
  BeginBatch();
  replica_->Step(replica::Disconnected{.connection = connection});
  clock_ = MonotonicNow() - stalled_;  // It may have had many watches
}

void Server::OnHeld(ConnectionId connection) {
  BeginBatch();
  replica_->Step(replica::StillThere{.connection = connection});
}

std::optional<size_t> Server::FourLetterWordArgumentBytes(
    std::string_view word) const {
  if (!replica::IsFourLetterWord(word)) {
    return std::nullopt;
  }
  // A word that is not allowed is answered without waiting for more.
  return IsAllowedWord(word) ? replica::FourLetterWordArgumentBytes(word) : 0;
}

bool Server::IsAllowedWord(std::string_view word) const {
  const auto& allowed = options_.replica.four_letter_words;
  return allowed.contains("*") || allowed.contains(std::string(word));
}

std::string Server::FourLetterWord(ConnectionId connection,
                                   std::string_view word,
                                   std::string_view argument) {
  BeginBatch();
  return replica_->FourLetterWord(connection, word, argument, FactsFor(word));
}

replica::ProcessFacts Server::FactsFor(std::string_view word) {
  replica::ProcessFacts facts;
  facts.version = FullVersion();
  facts.uptime_ms = absl::ToInt64Milliseconds(now_ + stalled_ - start_);
  if (word == "conf" || word == "dirs") {
    facts.data_dir_bytes = storage_->DataBytes();
    facts.log_dir_bytes = storage_->LogBytes();
    facts.configuration = ConfigurationLines(
        options_, port(), facts.data_dir_bytes, facts.log_dir_bytes);
  } else if (word == "envi") {
    facts.environment = EnvironmentLines();
  } else if (word == "mntr") {
    facts.open_files = CountOpenFiles();
    facts.open_files_max = OpenFilesMax();
    AddSyncStats(storage_->TakeSyncStats(), &stats_.syncs);
    facts.metrics = ProcessMetrics(*connections_, stats_);
    const auto account = TakeMemoryAccount(*replica_, *connections_);
    for (replica::Metric& metric : MemoryMetrics(account)) {
      facts.metrics.push_back(std::move(metric));
    }
  } else if (word == "srst" && IsAllowedWord(word)) {
    storage_->TakeSyncStats();
    stats_ = {};
    connections_->ResetStats();
  }
  return facts;
}

net::Turn Server::NextTurn(ConnectionId connection,
                           absl::Duration waited) const {
  if (IsTimeUp() || replica_->MustWait(connection)) {
    return net::Turn::kUnread;
  }
  const size_t outstanding = replica_->outstanding();
  if (outstanding > options_.outstanding_max &&
      replica_->outstanding(connection) > 0) {
    return net::Turn::kUnread;
  }
  // One that will be dropped need not wait for that.
  if (options_.requests_max > 0 && outstanding >= options_.requests_max &&
      !replica_->IsDropped(connection, waited)) {
    return net::Turn::kWait;
  }
  return net::Turn::kNow;
}

bool Server::IsIdle(ConnectionId connection) const {
  return replica_->outstanding(connection) == 0;
}

bool Server::HasSession(ConnectionId connection) const {
  return replica_->HasSession(connection);
}

}  // namespace paddock::server

// A Server is one process's worth of Paddock: the shell around a Replica that
// has the sockets, the disk and the clocks.
//
// One thread, the owner, runs everything but the log.  Its loop: wait for
// events, step each through the Replica as it comes (the first one of a batch
// behind a Tick), and carry out what the Replica wants: writes go to storage,
// outputs to their connections; at the end of a batch each connection that has
// something is written to once.  Storage wakes this loop with its completions.

#ifndef PADDOCK_SERVER_SERVER_H_
#define PADDOCK_SERVER_SERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/log.h"
#include "net/client_connections.h"
#include "net/client_events.h"
#include "net/client_listener.h"
#include "net/event_loop.h"
#include "paddock/exit_code.h"
#include "replica/replica.h"
#include "server/cores.h"
#include "server/disk_watch.h"
#include "server/memory_account.h"
#include "server/process_facts.h"
#include "server/server_options.h"
#include "server/stop_signals.h"
#include "storage/storage.h"
#include "zab/write.h"

namespace paddock::server {

class Server : private net::ClientEvents {
 public:
  explicit Server(const ServerOptions& options);
  ~Server() override;

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the folders and the port, loads the history, and opens the port.
  // When one of these fails, logs one line and returns the exit code for it;
  // else kOk.  Called once.
  ExitCode Start();

  // Serves until Stop(), SIGTERM, SIGINT or a failure; returns the exit code.
  // Called once, after Start() returned kOk, on the same thread.
  ExitCode Run();

  // Ends Run(): no new requests, those in progress are answered, all within a
  // bounded time.  Any thread, after Start().
  void Stop();

  // The port on which clients are served.
  uint16_t port() const { return listener_->port(); }

 private:
  enum class CheckpointPhase { kNone, kCapturing, kWriting };
  enum class Phase { kServing, kAnswering, kClosing, kStopped };

  ExitCode OpenStorage();
  void StartStorage();
  ExitCode BindPort();
  ExitCode LoadHistory();

  void RunBatch();
  absl::Duration Deadline() const;
  // Steps a Tick unless this batch has had one.
  void BeginBatch();
  // Carries out what the Replica has ready.
  void Collect();
  void Submit(std::vector<zab::Write> writes);

  // How long this batch has taken, read from the clock after a few requests.
  void ReadClock();
  bool IsTimeUp() const override;

  void OnPersisted(uint64_t write_id);
  // Begins a checkpoint when one is due, and hands on the next piece of it.
  void AdvanceCheckpoint();
  bool IsCheckpointDue() const;
  int CheckpointRest() const;
  void BeginCheckpoint();
  void OnCheckpointed(const absl::Status& status);
  void CountCheckpoint();
  // Tells the log where memory is, when it is time.
  void TellMemory();

  void BeginStop();
  void ContinueStop();
  void Fail(const absl::Status& status);

  // net::ClientEvents:
  absl::Duration Now() override;
  void OnConnected(ConnectionId connection, const std::string& address,
                   uint16_t port) override;
  void OnFrame(ConnectionId connection, std::string_view frame,
               absl::Duration waited) override;
  void OnAhead(absl::Span<const std::string_view> frames) override;
  void OnDisconnected(ConnectionId connection) override;
  void OnHeld(ConnectionId connection) override;
  std::optional<size_t> FourLetterWordArgumentBytes(
      std::string_view word) const override;
  std::string FourLetterWord(ConnectionId connection, std::string_view word,
                             std::string_view argument) override;
  net::Turn NextTurn(ConnectionId connection,
                     absl::Duration waited) const override;
  bool IsIdle(ConnectionId connection) const override;
  bool HasSession(ConnectionId connection) const override;

  bool IsAllowedWord(std::string_view word) const;
  replica::ProcessFacts FactsFor(std::string_view word);

  ServerOptions options_;
  const SpinTimes spin_;
  net::EventLoop loop_;
  std::optional<StopSignals> signals_;  // While it serves

  std::unique_ptr<replica::Replica> replica_;
  std::unique_ptr<net::ClientConnections> connections_;
  std::unique_ptr<net::ClientListener> listener_;

  // The time of this batch.  It does not include `stalled_`: spans in which
  // this process was not run, and that sessions must not be charged with.
  absl::Duration now_;
  absl::Duration stalled_;
  absl::Duration start_;
  // These do not include it either.
  absl::Duration batch_start_;
  absl::Duration batch_end_;
  absl::Duration clock_;  // Read last
  int frames_since_clock_ = 0;
  int frames_per_clock_ = 1;
  bool in_batch_ = false;
  bool more_work_ = false;  // Held requests may go on at once

  size_t frames_since_collect_ = 0;
  size_t frames_per_collect_ = 1;
  size_t collected_bytes_ = 0;  // In this batch

  ProcessStats stats_;

  LogLimit notice_log_;
  DiskWatch disk_watch_;

  CheckpointPhase checkpoint_ = CheckpointPhase::kNone;
  // Of the one that is being written.
  struct CheckpointAccount {
    absl::Duration begin;
    int64_t changes = 0;  // Znodes changed or deleted
    int64_t bytes = 0;    // Of those that are there
  };
  CheckpointAccount checkpoint_account_;
  int checkpoint_rest_ = 0;  // As Storage knows it
  std::string checkpoint_piece_;  // Captured, and not handed on yet
  absl::Duration next_checkpoint_ = -absl::InfiniteDuration();
  absl::Duration next_purge_ = absl::InfiniteDuration();
  MemoryTrimmer memory_trimmer_;
  absl::Duration next_account_ = -absl::InfiniteDuration();
  int64_t log_bytes_ = 0;  // Of transactions that are in no checkpoint
  int64_t log_bytes_at_checkpoint_ = 0;  // The same when the last one began

  Phase phase_ = Phase::kServing;
  absl::Duration phase_deadline_;
  std::optional<ExitCode> failure_;

  // The last write reported by the log thread and not yet stepped; 0: none.
  std::atomic<uint64_t> persisted_ = 0;

  // Last, so that its thread has ended before anything else goes away.
  std::unique_ptr<storage::Storage> storage_;
};

}  // namespace paddock::server

#endif  // PADDOCK_SERVER_SERVER_H_

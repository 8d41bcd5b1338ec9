// Writes checkpoints on a thread of its own, piece by piece as they are handed
// over (checkpoint.h).
//
// It may rest between pieces: no client waits for a checkpoint, and two
// processors are often two halves of one, so that what this thread does makes
// all others slower.

#ifndef PADDOCK_STORAGE_CHECKPOINTER_H_
#define PADDOCK_STORAGE_CHECKPOINTER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

#include "absl/status/status.h"
#include "storage/checkpoint.h"

namespace paddock::storage {

class Checkpointer {
 public:
  // Writes to DIR/tree.db, and leaves the log on the same disk room: what it
  // takes ahead, but at most a sixteenth of the disk.  Both functions are
  // called on the thread: `drained` when all that was handed over is written,
  // `done` once for each Finish(), with what became of the checkpoint.
  Checkpointer(std::string dir, int64_t log_preallocate_bytes,
               std::function<void()> drained,
               std::function<void(absl::Status)> done);

  // Gives up a checkpoint that is not finished.
  ~Checkpointer();

  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // One checkpoint: Begin(), Add() as often as needed, Finish(); the next one
  // after `done`.  None of them blocks: the caller looks at queued_bytes()
  // before it adds more.  Any thread, one at a time.
  void Begin(CheckpointHead head);
  void Add(std::string nodes);
  void Finish();

  // Runs `task` on the thread, after what was handed over before; not while
  // the file of checkpoints cannot be trusted, for a write to it failed other
  // than for lack of room.
  void Run(std::function<void()> task);

  // How long it rests after each piece: so many times what that took; 0 to
  // begin with.  Any thread.
  void SetRest(int times);

  // What was added and not written yet.
  size_t queued_bytes() const;

 private:
  struct End {};
  using Task = std::function<void()>;
  using Step = std::variant<CheckpointHead, std::string, End, Task>;

  void Put(Step step);
  void Loop();
  void Take(const Step& step);
  absl::Status Open();

  const std::string dir_;
  const int64_t log_preallocate_bytes_;
  const std::function<void()> drained_;
  const std::function<void(absl::Status)> done_;

  // Of the thread.
  std::unique_ptr<CheckpointWriter> writer_;
  absl::Status status_;  // Of this checkpoint so far

  std::thread thread_;
  std::condition_variable wake_;
  mutable std::mutex mutex_;  // Guards all below
  std::deque<Step> queue_;
  size_t queued_bytes_ = 0;
  int rest_ = 0;
  bool stopping_ = false;
};

}  // namespace paddock::storage

#endif  // PADDOCK_STORAGE_CHECKPOINTER_H_

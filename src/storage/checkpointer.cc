#include "storage/checkpointer.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "storage/file.h"

namespace paddock::storage {
namespace {

constexpr int kNice = 10;

// Requests go first where processors are few: what serves them gets more of
// them, and need not wait when this thread has just been woken by the disk.
void LowerPriority() {
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

}  // namespace

Checkpointer::Checkpointer(std::string dir, int64_t log_preallocate_bytes,
                           std::function<void()> drained,
                           std::function<void(absl::Status)> done)
    : dir_(std::move(dir)),
      log_preallocate_bytes_(log_preallocate_bytes),
      drained_(std::move(drained)),
      done_(std::move(done)) {
  thread_ = std::thread([this] { Loop(); });
}

Checkpointer::~Checkpointer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::Begin(CheckpointHead head) { Put(std::move(head)); }
void Checkpointer::Add(std::string nodes) { Put(std::move(nodes)); }
void Checkpointer::Finish() { Put(End()); }
void Checkpointer::Run(std::function<void()> task) { Put(std::move(task)); }

size_t Checkpointer::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queued_bytes_;
}

void Checkpointer::SetRest(int times) {
  {
    std::lock_guard lock(mutex_);
    rest_ = times;
  }
  wake_.notify_one();
}

void Checkpointer::Put(Step step) {
  const auto* const nodes = std::get_if<std::string>(&step);
  const size_t bytes = nodes != nullptr ? nodes->size() : 0;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(step));
    queued_bytes_ += bytes;
  }
  wake_.notify_one();
}

void Checkpointer::Loop() {
  pthread_setname_np(pthread_self(), "paddock-tree.db");
  LowerPriority();
  if (Exists(dir_ + kCheckpointName)) {
    status_ = Open();  // The next checkpoint tells when this failed
  }
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !queue_.empty() || stopping_; });
    if (stopping_) {
      return;
    }
    const Step step = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    const absl::Duration begin = MonotonicNow();
    Take(step);
    const absl::Duration took = MonotonicNow() - begin;
    lock.lock();
    if (const auto* const nodes = std::get_if<std::string>(&step)) {
      queued_bytes_ -= nodes->size();
      if (queue_.empty()) {
        lock.unlock();
        drained_();
        lock.lock();
      }
    }
    wake_.wait_for(lock, absl::ToChronoNanoseconds(rest_ * took),
                   [this] { return rest_ == 0 || stopping_; });
  }
}

void Checkpointer::Take(const Step& step) {
  if (const auto* const task = std::get_if<Task>(&step)) {
    if (writer_ != nullptr) {
      (*task)();
    }
    return;
  }
  if (const auto* const head = std::get_if<CheckpointHead>(&step)) {
    status_ = Open();
    if (status_.ok()) {
      status_ = writer_->Begin(*head);
    }
  } else if (status_.ok()) {  // After an error the rest is only taken away
    const auto* const nodes = std::get_if<std::string>(&step);
    status_ = nodes != nullptr ? writer_->Add(*nodes) : writer_->Commit();
  }
  if (!status_.ok() && !absl::IsResourceExhausted(status_)) {
    writer_.reset();
  }
  if (std::holds_alternative<End>(step)) {
    done_(status_);
  }
}

absl::Status Checkpointer::Open() {
  if (writer_ == nullptr) {
    ASSIGN_OR_RETURN(const Room room, RoomAt(dir_));
    const int64_t leave_free =
        std::clamp<int64_t>(log_preallocate_bytes_, 0, room.total / 16);
    ASSIGN_OR_RETURN(writer_, CheckpointWriter::Open(dir_, leave_free));
  }
  return absl::OkStatus();
}

}  // namespace paddock::storage

#include "storage/checkpointer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"

namespace paddock::storage {
namespace {

// Requests go first where processors are few.
constexpr int kNice = 10;

}  // namespace

Checkpointer::Checkpointer(std::string dir, std::function<void()> drained,
                           std::function<void(absl::Status)> done)
    : dir_(std::move(dir)),
      drained_(std::move(drained)),
      done_(std::move(done)) {
  thread_ = std::thread([this] { Run(); });
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

size_t Checkpointer::queued_bytes() const {
  std::lock_guard lock(mutex_);
  return queued_bytes_;
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

void Checkpointer::Run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return !queue_.empty() || stopping_; });
    if (stopping_) {
      return;
    }
    const Step step = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    // After an error the rest of the checkpoint is only taken away.
    if (status_.ok() || std::holds_alternative<CheckpointHead>(step)) {
      status_ = std::visit([this](const auto& s) { return Write(s); }, step);
      if (!status_.ok()) {
        writer_.reset();
      }
    }
    if (std::holds_alternative<End>(step)) {
      done_(status_);
    }
    lock.lock();
    if (const auto* const nodes = std::get_if<std::string>(&step)) {
      queued_bytes_ -= nodes->size();
      if (queue_.empty()) {
        lock.unlock();
        drained_();
        lock.lock();
      }
    }
  }
}

absl::Status Checkpointer::Write(const CheckpointHead& head) {
  if (writer_ == nullptr) {
    ASSIGN_OR_RETURN(writer_, CheckpointWriter::Open(dir_));
  }
  return writer_->Begin(head);
}

absl::Status Checkpointer::Write(const std::string& nodes) {
  return writer_->Add(nodes);
}

absl::Status Checkpointer::Write(const End&) { return writer_->Commit(); }

}  // namespace paddock::storage

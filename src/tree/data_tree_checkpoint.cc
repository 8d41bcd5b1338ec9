// The side of DataTree that tells what a checkpoint must write.

#include <algorithm>

#include "base/check.h"
#include "jute/persistence.h"
#include "tree/data_tree.h"

namespace paddock::tree {

namespace {

// Of Znode::listed_.  A node stays in a list when it was captured early or was
// deleted; a deleted one is freed when it is in none any more.
uint8_t IsIn(int list) { return static_cast<uint8_t>(1 << list); }
uint8_t IsDueIn(int list) { return static_cast<uint8_t>(4 << list); }
constexpr uint8_t kInAny = 3;
constexpr uint8_t kIsDeleted = 16;

constexpr size_t kAhead = 16;  // Nodes whose memory is asked for in time

}  // namespace

void DataTree::TrackChanges(bool all) {
  CHECK(!tracks_changes_);
  tracks_changes_ = true;
  if (all) {
    changed_.reserve(nodes_.size());
    ForEach([this](const Znode& node) { Touch(const_cast<Znode*>(&node)); });
  }
}

// A node of the list that is being captured is captured now, before it changes.
void DataTree::Touch(Znode* node) {
  if (!tracks_changes_) {
    return;
  }
  CaptureEarly(node);
  if ((node->listed_ & IsIn(change_list_)) == 0) {
    node->listed_ |= IsIn(change_list_) | IsDueIn(change_list_);
    changed_.push_back(node);
  }
}

void DataTree::CaptureEarly(Znode* node) {
  if ((node->listed_ & IsDueIn(1 - change_list_)) != 0) {
    CaptureNode(node, &captured_early_);
  }
}

void DataTree::NoteDeletion(Znode* node) {
  if (tracks_changes_) {
    CaptureEarly(node);
    deleted_.emplace_back(node->path());
  }
}

void DataTree::FreeRemoved(Znode* node) {
  if ((node->listed_ & kInAny) == 0) {
    Znode::Free(node);
    return;
  }
  node->listed_ = (node->listed_ & kInAny) | kIsDeleted;
  node->SetData(jute::kNull);  // Which may be large
}

void DataTree::CaptureNode(Znode* node, std::string* records) {
  jute::Write(jute::CheckpointNode{.path = node->path(),
                                   .data = node->data(),
                                   .acl = node->acl().encoded(),
                                   .stat = node->stat()},
              records);
  node->listed_ &= static_cast<uint8_t>(~IsDueIn(1 - change_list_));
}

std::vector<std::string> DataTree::BeginCapture() {
  CHECK(tracks_changes_);
  CHECK(capturing_.empty() && captured_early_.empty());
  capturing_.swap(changed_);
  capturing_deleted_.swap(deleted_);
  captured_ = 0;
  change_list_ = 1 - change_list_;
  return capturing_deleted_;
}

bool DataTree::Capture(size_t bytes_max, std::string* records) {
  records->append(captured_early_);
  captured_early_.clear();
  const uint8_t is_due = IsDueIn(1 - change_list_);
  while (captured_ < capturing_.size() && records->size() < bytes_max) {
    Znode* const node = capturing_[captured_];
    ++captured_;
    // Others were captured early, or deleted before it all began.
    if ((node->listed_ & is_due) != 0) {
      CaptureNode(node, records);
    }
  }
  return captured_ < capturing_.size();
}

void DataTree::EndCapture(bool is_safe) {
  CHECK_EQ(captured_, capturing_.size());
  CHECK(captured_early_.empty());
  const uint8_t is_in = IsIn(1 - change_list_);
  for (size_t i = 0; i < capturing_.size(); ++i) {
    capturing_[std::min(i + kAhead, capturing_.size() - 1)]->PrefetchPath();
    Znode* const node = capturing_[i];
    node->listed_ &= static_cast<uint8_t>(~is_in);
    if ((node->listed_ & kIsDeleted) != 0) {
      FreeRemoved(node);
    } else if (!is_safe) {
      Touch(node);
    }
  }
  if (!is_safe) {
    deleted_.insert(deleted_.end(), capturing_deleted_.begin(),
                    capturing_deleted_.end());
  }
  capturing_ = {};
  capturing_deleted_ = {};
}

// Those that only the lists of changes still know.
void DataTree::FreeDeleted() {
  for (const auto* list : {&capturing_, &changed_}) {
    for (Znode* node : *list) {
      node->listed_ &= static_cast<uint8_t>(
          ~IsIn(list == &changed_ ? change_list_ : 1 - change_list_));
      if ((node->listed_ & kIsDeleted) != 0) {
        FreeRemoved(node);
      }
    }
  }
}

}  // namespace paddock::tree

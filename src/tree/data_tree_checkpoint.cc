// The side of DataTree that tells what a checkpoint must write.

#include <utility>

#include "base/check.h"
#include "jute/persistence.h"
#include "tree/data_tree.h"

namespace paddock::tree {
namespace {

// Small, so that none takes long to grow or to free.
constexpr size_t kCapturedBlockBytes = 64 << 10;

}  // namespace

void DataTree::TrackChanges(bool all) {
  CHECK(!tracks_changes_);
  tracks_changes_ = true;
  capture_id_ = last_id_;
  if (all) {
    changed_.reserve(nodes_.size());
    ForEach([this](const Znode& node) { Touch(const_cast<Znode*>(&node)); });
  }
}

// A node of the list that is being captured is captured now, before it changes.
void DataTree::Touch(Znode* node) {
  if (!tracks_changes_ || node->list_ == current_list_) {
    return;
  }
  if (node->list_ == frozen_list()) {
    CaptureNode(node, &captured_early_);
  }
  CHECK_LT(changed_.size(), std::numeric_limits<uint32_t>::max());
  node->list_ = static_cast<uint8_t>(current_list_);
  node->list_index_ = static_cast<uint32_t>(changed_.size());
  changed_.push_back(node);
  ++changed_count_;
}

void DataTree::NoteDeletion(Znode* node) {
  if (!tracks_changes_) {
    return;
  }
  if (node->list_ == frozen_list()) {
    CaptureNode(node, &captured_early_);
  } else if (node->list_ == current_list_) {
    changed_[node->list_index_] = nullptr;
    --changed_count_;
  }
  // No checkpoint can have one that was created since the last one began.
  if (node->id() <= capture_id_) {
    deleted_.push_back(node->id());
  }
}

void DataTree::CaptureNode(Znode* node, std::string* records) {
  jute::Write(jute::CheckpointNode{.path = node->path(),
                                   .data = node->data(),
                                   .acl = node->acl().encoded(),
                                   .stat = node->stat(),
                                   .id = node->id()},
              records);
  capturing_[node->list_index_] = nullptr;
  node->list_ = 0;
  if (captured_paths_.empty() ||
      captured_paths_.back().block_bytes() > kCapturedBlockBytes) {
    captured_paths_.emplace_back();
  }
  captured_paths_.back().Append(node->path());
}

std::shared_ptr<const std::vector<int64_t>> DataTree::BeginCapture() {
  CHECK(tracks_changes_);
  CHECK(capturing_.empty() && captured_early_.empty());
  capturing_.swap(changed_);
  changed_count_ = 0;
  capturing_deleted_ =
      std::make_shared<std::vector<int64_t>>(std::exchange(deleted_, {}));
  captured_ = 0;
  capture_id_ = last_id_;
  current_list_ = frozen_list();
  return capturing_deleted_;
}

bool DataTree::Capture(size_t bytes_max, std::string* records) {
  records->append(captured_early_);
  captured_early_.clear();
  while (captured_ < capturing_.size() && records->size() < bytes_max) {
    if (Znode* const node = capturing_[captured_]) {
      CaptureNode(node, records);
    }
    ++captured_;
  }
  return captured_ < capturing_.size();
}

void DataTree::EndCapture(bool is_safe) {
  CHECK_EQ(captured_, capturing_.size());
  CHECK(captured_early_.empty());
  if (!is_safe) {
    for (const PackedStrings& paths : captured_paths_) {
      for (const std::string_view path : paths) {
        if (Znode* const node = FindMutable(path)) {
          Touch(node);
        }
      }
    }
    deleted_.insert(deleted_.end(), capturing_deleted_->begin(),
                    capturing_deleted_->end());
  }
  capturing_ = {};
  capturing_deleted_.reset();
  captured_paths_ = {};
  std::string().swap(captured_early_);  // It may have been large
}

size_t DataTree::change_bytes() const {
  const size_t nodes = changed_.capacity() + capturing_.capacity();
  const size_t deleted =
      deleted_.capacity() +
      (capturing_deleted_ ? capturing_deleted_->capacity() : 0);
  return nodes * sizeof(Znode*) + captured_early_.capacity() +
         deleted * sizeof(int64_t) +
         captured_paths_.size() * kCapturedBlockBytes;
}

}  // namespace paddock::tree

// The side of DataTree that tells what a checkpoint must write.

#include "base/check.h"
#include "jute/persistence.h"
#include "tree/data_tree.h"

namespace paddock::tree {

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
  const int current = 1 << change_list_;
  if ((node->listed_ & ~current) != 0) {
    CaptureNode(node, &captured_early_);
  }
  if (node->listed_ != current) {
    node->listed_ = static_cast<uint8_t>(current);
    changed_.emplace_back(node->path());
  }
}

void DataTree::NoteDeletion(Znode* node) {
  if (!tracks_changes_) {
    return;
  }
  if ((node->listed_ & ~(1 << change_list_)) != 0) {
    CaptureNode(node, &captured_early_);
  }
  deleted_.emplace_back(node->path());
}

void DataTree::CaptureNode(Znode* node, std::string* records) {
  jute::Write(jute::CheckpointNode{.path = node->path(),
                                   .data = node->data(),
                                   .acl = node->acl().encoded(),
                                   .stat = node->stat()},
              records);
  node->listed_ &= static_cast<uint8_t>(1 << change_list_);
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
  const int frozen = 1 << (1 - change_list_);
  while (captured_ < capturing_.size() && records->size() < bytes_max) {
    Znode* const node = FindMutable(capturing_[captured_]);
    ++captured_;
    // Others were captured early, or deleted before it all began.
    if (node != nullptr && (node->listed_ & frozen) != 0) {
      CaptureNode(node, records);
    }
  }
  return captured_ < capturing_.size();
}

void DataTree::EndCapture(bool is_safe) {
  CHECK_EQ(captured_, capturing_.size());
  CHECK(captured_early_.empty());
  if (!is_safe) {
    for (const std::string& path : capturing_) {
      if (Znode* const node = FindMutable(path)) {
        Touch(node);
      }
    }
    deleted_.insert(deleted_.end(), capturing_deleted_.begin(),
                    capturing_deleted_.end());
  }
  capturing_ = {};
  capturing_deleted_ = {};
}

}  // namespace paddock::tree

// The side of DataTree that tells what a checkpoint must write.

#include <utility>

#include "base/check.h"
#include "base/memory.h"
#include "jute/persistence.h"
#include "tree/data_tree.h"

namespace paddock::tree {
namespace {

// Small, so that none takes long to grow or to free.
constexpr size_t kCapturedBlockBytes = 64 << 10;

// Records that wait for their group, at most: many, so that they are written
// with their neighbours, but not all the memory there is.
constexpr size_t kEarlyBytesMax = 8 << 20;

// A checkpoint of nodes in the order of their changes read, and wrote twice, a
// page for each: with half a million of a million changed, 11 us and 2 KB.  In
// this order it is 1.6 us and 0.7 KB.  The pages of a group, 1 MB with data of
// 100 bytes, fit into the cache of the checkpoint's file.
int64_t GroupOf(const Znode& node) {
  constexpr int kIdBits = 12;
  return node.id() >> kIdBits;
}

}  // namespace

void DataTree::TrackChanges(bool all) {
  CHECK(!tracks_changes_);
  tracks_changes_ = true;
  capture_id_ = last_id_;
  if (all) {
    ForEach([this](const Znode& node) { Touch(const_cast<Znode*>(&node)); });
  }
}

// A node of the list that is being captured is captured now, before it changes.
void DataTree::Touch(Znode* node) {
  if (!tracks_changes_ || node->list_ == current_list_) {
    return;
  }
  if (node->list_ == frozen_list()) {
    CaptureEarly(node);
  }
  CHECK_GT(node->id(), 0);
  std::vector<Znode*>& group = changed_[GroupOf(*node)].nodes;
  node->list_ = static_cast<uint8_t>(current_list_);
  node->list_index_ = static_cast<uint32_t>(group.size());
  group.push_back(node);
  ++changed_count_;
}

void DataTree::NoteDeletion(Znode* node) {
  if (!tracks_changes_) {
    return;
  }
  if (node->list_ == frozen_list()) {
    CaptureEarly(node);
  } else if (node->list_ == current_list_) {
    changed_.at(GroupOf(*node)).nodes[node->list_index_] = nullptr;
    --changed_count_;
  }
  // No checkpoint can have one that was created since the last one began.
  if (node->id() <= capture_id_) {
    deleted_.push_back(node->id());
  }
}

void DataTree::CaptureEarly(Znode* node) {
  ChangedGroup& group = capturing_.at(GroupOf(*node));
  const size_t before = group.early.size();
  CaptureNode(node, &group.early);
  early_bytes_ += group.early.size() - before;
  group.nodes[node->list_index_] = nullptr;
}

void DataTree::CaptureNode(Znode* node, std::string* records) {
  jute::Write(jute::CheckpointNode{.path = node->path(),
                                   .data = node->data(),
                                   .acl = node->acl().encoded(),
                                   .stat = node->stat(),
                                   .id = node->id()},
              records);
  node->list_ = 0;
  if (captured_paths_.empty() ||
      captured_paths_.back().block_bytes() > kCapturedBlockBytes) {
    captured_paths_.emplace_back();
  }
  captured_paths_.back().Append(node->path());
}

std::shared_ptr<const std::vector<int64_t>> DataTree::BeginCapture() {
  CHECK(tracks_changes_);
  CHECK(capturing_.empty() && early_bytes_ == 0);
  capturing_.swap(changed_);
  changed_count_ = 0;
  capturing_deleted_ =
      std::make_shared<std::vector<int64_t>>(std::exchange(deleted_, {}));
  captured_ = 0;
  early_group_ = 0;
  capture_id_ = last_id_;
  current_list_ = frozen_list();
  return capturing_deleted_;
}

bool DataTree::Capture(size_t bytes_max, std::string* records) {
  // Too many wait: the groups give theirs up, in turns.
  while (early_bytes_ > kEarlyBytesMax && records->size() < bytes_max) {
    auto next = capturing_.lower_bound(early_group_);
    next = next == capturing_.end() ? capturing_.begin() : next;
    TakeEarly(&next->second, records);
    early_group_ = next->first + 1;
  }
  while (!capturing_.empty() && records->size() < bytes_max) {
    ChangedGroup& group = capturing_.begin()->second;
    TakeEarly(&group, records);
    for (; captured_ < group.nodes.size() && records->size() < bytes_max;
         ++captured_) {
      if (Znode* const node = group.nodes[captured_]) {
        CaptureNode(node, records);
      }
    }
    if (captured_ == group.nodes.size()) {
      capturing_.erase(capturing_.begin());
      captured_ = 0;
    }
  }
  return !capturing_.empty();
}

bool DataTree::IsCaptureUrgent() const {
  return early_bytes_ > kEarlyBytesMax / 2;
}

void DataTree::TakeEarly(ChangedGroup* group, std::string* records) {
  early_bytes_ -= group->early.size();
  records->append(group->early);
  std::string().swap(group->early);
}

void DataTree::EndCapture(bool is_safe) {
  CHECK(capturing_.empty());
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
  capturing_deleted_.reset();
  captured_paths_ = {};
}

size_t DataTree::change_bytes() const {
  size_t bytes = early_bytes_ + captured_paths_.size() * kCapturedBlockBytes;
  for (const ChangedNodes* nodes : {&changed_, &capturing_}) {
    bytes += TreeBytes(*nodes);
    for (const auto& [number, group] : *nodes) {
      bytes += group.nodes.capacity() * sizeof(Znode*);
    }
  }
  const size_t deleted =
      deleted_.capacity() +
      (capturing_deleted_ ? capturing_deleted_->capacity() : 0);
  return bytes + deleted * sizeof(int64_t);
}

}  // namespace paddock::tree

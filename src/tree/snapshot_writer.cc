// Writing snapshots.

#include "absl/container/flat_hash_map.h"
#include "base/checksum.h"
#include "base/status_macros.h"
#include "jute/archive.h"
#include "jute/data.h"
#include "jute/persistence.h"
#include "jute/record.h"
#include "tree/snapshot.h"

namespace paddock::tree {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr int64_t kDbId = -1;  // As Java writes it into snapshots

class Writer {
 public:
  Writer(const DataTree& tree, const SessionTimeouts& sessions, ByteSink sink)
      : tree_(tree), sessions_(sessions), sink_(sink) {}

  absl::Status Write() {
    jute::Write(
        jute::FileHeader{jute::kSnapshotMagic, jute::kFileVersion, kDbId},
        &piece_);
    WriteSessions();
    WriteAcls();
    tree_.ForEach([this](const Znode& node) { WriteNode(node); });
    out_.WriteString("/");
    Flush();
    out_.WriteLong(static_cast<int64_t>(checksum_));
    out_.WriteString("/");
    Flush();
    return status_;
  }

 private:
  void WriteSessions() {
    out_.WriteInt(static_cast<int32_t>(sessions_.size()));
    for (const auto& [id, timeout] : sessions_) {
      out_.WriteLong(id);
      out_.WriteInt(timeout);
      FlushWhenLarge();
    }
  }

  // Gives each list an id, in the order of the first nodes that have them.
  void WriteAcls() {
    std::vector<const AclList*> lists;
    tree_.ForEach([&](const Znode& node) {
      const auto id = static_cast<int64_t>(lists.size()) + 1;
      if (acl_ids_.emplace(&node.acl(), id).second) {
        lists.push_back(&node.acl());
      }
    });
    out_.WriteInt(static_cast<int32_t>(lists.size()));
    for (const AclList* list : lists) {
      out_.WriteLong(acl_ids_.at(list));
      piece_.append(EncodeAcls(list->entries()));
      FlushWhenLarge();
    }
  }

  void WriteNode(const Znode& node) {
    if (!status_.ok()) {
      return;
    }
    out_.WriteString(node.path() == "/" ? "" : node.path());
    out_.WriteString(node.data());
    out_.WriteLong(acl_ids_.at(&node.acl()));
    jute::Write(node.stat(), &piece_);
    FlushWhenLarge();
  }

  void FlushWhenLarge() {
    if (piece_.size() >= kPieceBytes) {
      Flush();
    }
  }

  void Flush() {
    checksum_ = Adler32(checksum_, piece_);
    if (status_.ok()) {
      status_ = sink_(piece_);
    }
    piece_.clear();
  }

  const DataTree& tree_;
  const SessionTimeouts& sessions_;
  const ByteSink sink_;
  absl::flat_hash_map<const AclList*, int64_t> acl_ids_;  // Only looked up
  std::string piece_;
  jute::OutputArchive out_{&piece_};
  uint32_t checksum_ = kAdler32Start;
  absl::Status status_;
};

}  // namespace

absl::Status WriteSnapshot(const DataTree& tree,
                           const SessionTimeouts& sessions, ByteSink sink) {
  return Writer(tree, sessions, sink).Write();
}

}  // namespace paddock::tree

// What the tests of snapshots share: states as text, streams in memory, and
// snapshots put together by hand.

#ifndef PADDOCK_TESTS_TREE_SNAPSHOT_FIXTURE_H_
#define PADDOCK_TESTS_TREE_SNAPSHOT_FIXTURE_H_

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "jute/persistence.h"
#include "jute/record.h"
#include "tree/restorer.h"
#include "tree/snapshot.h"

namespace paddock::tree {

// Gives `bytes`, at most `step` at a time.
class BytesSource {
 public:
  explicit BytesSource(std::string_view bytes,
                       size_t step = std::string_view::npos)
      : bytes_(bytes), step_(step) {}

  absl::StatusOr<size_t> operator()(char* to, size_t size) const {
    const size_t got = bytes_.copy(to, std::min(size, step_));
    bytes_.remove_prefix(got);
    return got;
  }

 private:
  mutable std::string_view bytes_;
  const size_t step_;
};

inline std::string SnapshotBytes(const DataTree& tree,
                                 const SessionTimeouts& sessions) {
  std::string bytes;
  const absl::Status status =
      WriteSnapshot(tree, sessions, [&](std::string_view piece) {
        bytes.append(piece);
        return absl::OkStatus();
      });
  CHECK(status.ok()) << status;
  return bytes;
}

// A state that is being restored.
struct Restored {
  explicit Restored(const TreeOptions& options = {})
      : tree(options), restorer(options.digest, &tree, &sessions) {}

  absl::StatusOr<SnapshotFacts> Read(std::string_view bytes, int64_t zxid,
                                     size_t step = std::string_view::npos) {
    return ReadSnapshot(BytesSource(bytes, step), zxid, &tree, &sessions);
  }

  DataTree tree;
  SessionTimeouts sessions;
  Restorer restorer;
};

// One line for each znode, with all that snapshots hold of it, by path.
inline std::map<std::string, std::string> Describe(const DataTree& tree) {
  std::map<std::string, std::string> nodes;
  tree.ForEach([&](const Znode& node) {
    std::string acl;
    for (const jute::ACL& entry : node.acl().entries()) {
      acl += jute::Print(entry);
    }
    nodes.emplace(
        node.path(),
        fmt::format("{} data {}{} acl {} children {}", jute::Print(node.stat()),
                    jute::IsNull(node.data()) ? "null" : "",
                    node.data().substr(0, 100), acl, node.num_children()));
  });
  return nodes;
}

// Writes a snapshot piece by piece, also a wrong one.
class SnapshotBuilder {
 public:
  SnapshotBuilder() {
    jute::Write(jute::FileHeader{jute::kSnapshotMagic, jute::kFileVersion, -1},
                &bytes_);
  }

  // First of all.
  SnapshotBuilder& Session(int64_t id, int32_t timeout_ms) {
    jute::OutputArchive out(&sessions_);
    out.WriteLong(id);
    out.WriteInt(timeout_ms);
    ++session_count_;
    return *this;
  }

  // Gives the list the next id, from 1 on.
  SnapshotBuilder& Acl(const std::vector<jute::ACL>& list) {
    jute::OutputArchive out(&acls_);
    out.WriteLong(++acl_count_);
    acls_ += EncodeAcls(list);
    return *this;
  }

  // In which everybody may do everything.
  SnapshotBuilder& Node(std::string_view path, std::string_view data = "") {
    return NodeWithAcl(path, -1, data);
  }
  SnapshotBuilder& NodeWithAcl(std::string_view path, int64_t acl,
                               std::string_view data = "",
                               const jute::StatPersisted& stat = {}) {
    jute::OutputArchive out(&nodes_);
    out.WriteString(path);
    out.WriteString(data);
    out.WriteLong(acl);
    jute::Write(stat, &nodes_);
    return *this;
  }
  // Those of a new server, of any release.
  SnapshotBuilder& Fresh() {
    return Node("").Node("/zookeeper").Node("/zookeeper/quota");
  }

  SnapshotBuilder& End() {
    jute::OutputArchive out(&bytes_);
    out.WriteInt(session_count_);
    bytes_ += sessions_;
    out.WriteInt(static_cast<int32_t>(acl_count_));
    bytes_ += acls_ + nodes_;
    out.WriteString("/");
    return Seal();
  }
  SnapshotBuilder& Digest(const ZxidDigest& digest) {
    jute::OutputArchive out(&bytes_);
    out.WriteLong(digest.zxid);
    out.WriteInt(2);
    out.WriteLong(static_cast<int64_t>(digest.digest));
    return Seal();
  }
  SnapshotBuilder& TextDigest(int64_t zxid, std::string_view digest) {
    jute::OutputArchive out(&bytes_);
    out.WriteLong(zxid);
    out.WriteInt(1);
    out.WriteString(digest);
    return Seal();
  }
  SnapshotBuilder& Zxid(int64_t zxid) {
    jute::OutputArchive(&bytes_).WriteLong(zxid);
    return Seal();
  }

  std::string Bytes() const { return bytes_; }
  std::string Finish() { return End().Bytes(); }

 private:
  SnapshotBuilder& Seal() {
    const auto checksum =
        adler32_z(adler32_z(0, nullptr, 0),
                  reinterpret_cast<const Bytef*>(bytes_.data()), bytes_.size());
    jute::OutputArchive out(&bytes_);
    out.WriteLong(static_cast<int64_t>(checksum));
    out.WriteString("/");
    return *this;
  }

  std::string bytes_;
  std::string sessions_;
  std::string acls_;
  std::string nodes_;
  int32_t session_count_ = 0;
  int64_t acl_count_ = 0;
};

}  // namespace paddock::tree

#endif  // PADDOCK_TESTS_TREE_SNAPSHOT_FIXTURE_H_

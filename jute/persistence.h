// Headers of files (module org.apache.zookeeper.server.persistence;
// zab-and-disk.md chapter 6).

#ifndef PADDOCK_JUTE_PERSISTENCE_H_
#define PADDOCK_JUTE_PERSISTENCE_H_

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "jute/data.h"
#include "jute/record.h"

namespace paddock::jute {

struct FileHeader {
  int32_t magic = 0;
  int32_t version = 0;
  int64_t dbid = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"magic", &FileHeader::magic},
                      Field{"version", &FileHeader::version},
                      Field{"dbid", &FileHeader::dbid}};
  }
  friend bool operator==(const FileHeader&, const FileHeader&) = default;
};

// A znode on its way to or from a checkpoint; a format of ours that never
// reaches a file.  `acl` is an encoded vector of ACLs.  `id` is what a member
// knows the znode by as long as it exists: 1 or more, and growing in the order
// of creation, so that those of parents are smaller.
struct CheckpointNode {
  std::string_view path;
  std::string_view data;
  std::string_view acl;
  StatPersisted stat;
  int64_t id = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CheckpointNode::path},
                      Field{"data", &CheckpointNode::data},
                      Field{"acl", &CheckpointNode::acl},
                      Field{"stat", &CheckpointNode::stat},
                      Field{"id", &CheckpointNode::id}};
  }
  friend bool operator==(const CheckpointNode&,
                         const CheckpointNode&) = default;
};

inline constexpr int64_t kZnodeIdMax = (int64_t{1} << 48) - 1;

inline constexpr int32_t kLogMagic = 0x5A4B4C47;       // "ZKLG"
inline constexpr int32_t kSnapshotMagic = 0x5A4B534E;  // "ZKSN"
inline constexpr int32_t kFileVersion = 2;

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_PERSISTENCE_H_

// The tree digest of the Java server, version 2 (zab-and-disk.md 5.5): the sum
// of all node digests modulo 2^64.  Pure.
//
// A node digest is a CRC over path and data, continued over the stat.  Whoever
// keeps the first part (the content CRC) gets the digest after a change of the
// stat alone in a time that does not depend on the size of the data.

#ifndef PADDOCK_TREE_DIGEST_H_
#define PADDOCK_TREE_DIGEST_H_

#include <cstdint>
#include <string_view>

#include "jute/data.h"

namespace paddock::tree {

inline constexpr int32_t kDigestVersion = 2;

// The digest of one node; 0 for the nodes below /zookeeper, which do not
// count.
uint32_t NodeDigest(std::string_view path, std::string_view data,
                    const jute::StatPersisted& stat);

// The same in two steps.
uint32_t ContentCrc(std::string_view path, std::string_view data);
uint32_t NodeDigest(std::string_view path, uint32_t content_crc,
                    const jute::StatPersisted& stat);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_DIGEST_H_

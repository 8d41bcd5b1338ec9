// Znode paths: what is valid, and their parts (client-protocol.md 3.3).  Pure.

#ifndef PADDOCK_TREE_PATH_H_
#define PADDOCK_TREE_PATH_H_

#include <string_view>

namespace paddock::tree {

// Full validation, as for setData, setACL, check and the final path of a
// create.  False for null, "", relative paths, a trailing or double slash, the
// components "." and "..", and characters that ZooKeeper forbids (counted as
// UTF-16 units, so all 4-byte UTF-8 sequences are refused; so is malformed
// UTF-8).
bool IsValidPath(std::string_view path);

// The text before the last slash; "/" for "/a".  "" when `path` is "/" or holds
// no slash after its first character and does not begin with one.
std::string_view ParentPath(std::string_view path);

// The text after the last slash: "b" for "/a/b".
std::string_view BaseName(std::string_view path);

// Whether `path` is `ancestor` or lies below it ("/ab" is not below "/a").
bool IsAtOrBelow(std::string_view path, std::string_view ancestor);

inline constexpr std::string_view kZooKeeperPath = "/zookeeper";
inline constexpr std::string_view kQuotaPath = "/zookeeper/quota";
inline constexpr std::string_view kConfigPath = "/zookeeper/config";

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_PATH_H_

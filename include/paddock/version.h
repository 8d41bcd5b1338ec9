// What this server calls itself.

#ifndef PADDOCK_VERSION_H_
#define PADDOCK_VERSION_H_

namespace paddock {

inline constexpr char kVersion[] = "0.1.0";

// The ZooKeeper version as which we answer clients and tools.
inline constexpr char kZooKeeperVersion[] = "3.9.5";

}  // namespace paddock

#endif  // PADDOCK_VERSION_H_

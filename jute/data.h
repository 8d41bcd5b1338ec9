// Records that clients, transactions and snapshots share (module org.apache.
// zookeeper.data).  Field names are the schema's own.

#ifndef PADDOCK_JUTE_DATA_H_
#define PADDOCK_JUTE_DATA_H_

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "jute/record.h"

namespace paddock::jute {

struct Id {
  std::string_view scheme;
  std::string_view id;

  static constexpr auto Fields() {
    return std::tuple{Field{"scheme", &Id::scheme}, Field{"id", &Id::id}};
  }
  friend bool operator==(const Id&, const Id&) = default;
};

struct ACL {
  int32_t perms = 0;
  Id id;

  static constexpr auto Fields() {
    return std::tuple{Field{"perms", &ACL::perms}, Field{"id", &ACL::id}};
  }
  friend bool operator==(const ACL&, const ACL&) = default;
};

// What clients see of a znode (client-protocol.md 3.4).
struct Stat {
  int64_t czxid = 0;
  int64_t mzxid = 0;
  int64_t ctime = 0;
  int64_t mtime = 0;
  int32_t version = 0;
  int32_t cversion = 0;
  int32_t aversion = 0;
  int64_t ephemeralOwner = 0;
  int32_t dataLength = 0;
  int32_t numChildren = 0;
  int64_t pzxid = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"czxid", &Stat::czxid},
                      Field{"mzxid", &Stat::mzxid},
                      Field{"ctime", &Stat::ctime},
                      Field{"mtime", &Stat::mtime},
                      Field{"version", &Stat::version},
                      Field{"cversion", &Stat::cversion},
                      Field{"aversion", &Stat::aversion},
                      Field{"ephemeralOwner", &Stat::ephemeralOwner},
                      Field{"dataLength", &Stat::dataLength},
                      Field{"numChildren", &Stat::numChildren},
                      Field{"pzxid", &Stat::pzxid}};
  }
  friend bool operator==(const Stat&, const Stat&) = default;
};

// What snapshots hold of a znode.  cversion counts created children only and
// ephemeralOwner is raw: it also marks containers and TTL nodes.
struct StatPersisted {
  int64_t czxid = 0;
  int64_t mzxid = 0;
  int64_t ctime = 0;
  int64_t mtime = 0;
  int32_t version = 0;
  int32_t cversion = 0;
  int32_t aversion = 0;
  int64_t ephemeralOwner = 0;
  int64_t pzxid = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"czxid", &StatPersisted::czxid},
                      Field{"mzxid", &StatPersisted::mzxid},
                      Field{"ctime", &StatPersisted::ctime},
                      Field{"mtime", &StatPersisted::mtime},
                      Field{"version", &StatPersisted::version},
                      Field{"cversion", &StatPersisted::cversion},
                      Field{"aversion", &StatPersisted::aversion},
                      Field{"ephemeralOwner", &StatPersisted::ephemeralOwner},
                      Field{"pzxid", &StatPersisted::pzxid}};
  }
  friend bool operator==(const StatPersisted&, const StatPersisted&) = default;
};

struct ClientInfo {
  std::string_view authScheme;
  std::string_view user;

  static constexpr auto Fields() {
    return std::tuple{Field{"authScheme", &ClientInfo::authScheme},
                      Field{"user", &ClientInfo::user}};
  }
  friend bool operator==(const ClientInfo&, const ClientInfo&) = default;
};

inline constexpr int32_t kPermRead = 1;
inline constexpr int32_t kPermWrite = 2;
inline constexpr int32_t kPermCreate = 4;
inline constexpr int32_t kPermDelete = 8;
inline constexpr int32_t kPermAdmin = 16;
inline constexpr int32_t kPermAll = 31;

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_DATA_H_

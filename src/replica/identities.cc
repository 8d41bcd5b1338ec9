// Who a connection is, as far as Replica can tell (client-protocol.md 6).

#include <algorithm>
#include <utility>

#include "jute/archive.h"
#include "replica/replica.h"
#include "tree/acl.h"

namespace paddock::replica {
namespace {

// What the identities of one connection may take.  Each check of an ACL goes
// through all of them.
constexpr size_t kIdentityBytesMax = 64 << 10;

}  // namespace

bool Replica::AddIdentity(Connection& connection, std::string_view scheme,
                          std::string_view auth) {
  const auto add = [&](std::string identity_scheme, std::string id) {
    tree::Identity identity{std::move(identity_scheme), std::move(id)};
    auto& known = connection.identities;
    if (std::find(known.begin(), known.end(), identity) != known.end()) {
      return true;
    }
    size_t bytes = identity.id.size();
    for (const tree::Identity& other : known) {
      bytes += other.id.size();
    }
    if (bytes > kIdentityBytesMax) {
      return false;
    }
    known.push_back(std::move(identity));
    return true;
  };
  if (scheme == "ip") {
    return true;  // Known since the connection was made
  }
  if (scheme == "digest" && options_.digest_auth_enabled &&
      !jute::IsNull(auth)) {
    std::string id = tree::DigestId(auth, options_.digest_algorithm);
    if (id.empty()) {
      return false;
    }
    if (id == options_.super_digest) {
      add("super", "");
    }
    return add("digest", std::move(id));
  }
  if (scheme == "ensemble" && options_.ensemble_auth_enabled) {
    const auto& names = options_.ensemble_auth_names;
    if (auth.empty() || names.empty()) {
      ++stats_.ensemble_auth_skips;
      return true;
    }
    const bool is_ours =
        std::find(names.begin(), names.end(), auth) != names.end();
    ++(is_ours ? stats_.ensemble_auth_successes
               : stats_.ensemble_auth_failures);
    return is_ours;
  }
  return false;
}

bool Replica::IsAuthSufficient(const Connection& connection) const {
  const auto& schemes = options_.enforced_auth_schemes;
  return schemes.empty() ||
         std::any_of(connection.identities.begin(), connection.identities.end(),
                     [&](const auto& identity) {
                       return std::find(schemes.begin(), schemes.end(),
                                        identity.scheme) != schemes.end();
                     });
}

}  // namespace paddock::replica

// Access control lists: who may do what to one znode (client-protocol.md
// chapter 6).  Pure.

#ifndef PADDOCK_TREE_ACL_H_
#define PADDOCK_TREE_ACL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "jute/data.h"
#include "paddock/error.h"
#include "tree/string_hash.h"

namespace paddock::tree {

// Who a connection is: it may have several identities at once, in the order in
// which it got them, without duplicates.
struct Identity {
  std::string scheme;
  std::string id;

  friend bool operator==(const Identity&, const Identity&) = default;
};

// The list as a record holds it: count, then entries.
std::string EncodeAcls(absl::Span<const jute::ACL> entries);

// One immutable list of ACL entries.  Owned by an AclTable and shared by all
// znodes with an equal list.
class AclList {
 public:
  explicit AclList(absl::Span<const jute::ACL> entries);

  AclList(const AclList&) = delete;
  AclList& operator=(const AclList&) = delete;

  const std::vector<jute::ACL>& entries() const { return entries_; }
  // As AclTable::InternEncoded() takes it.
  std::string_view encoded() const { return bytes_; }

 private:
  friend class AclTable;
  explicit AclList(std::string bytes);

  const std::string bytes_;         // The encoded list: its identity
  std::vector<jute::ACL> entries_;  // Views into bytes_
  mutable int64_t references_ = 0;  // The AclTable's book-keeping
};

// Interns ACL lists and counts the references to them.  A list without
// references is forgotten.  Not thread-safe.
class AclTable {
 public:
  // Returns the list equal to `entries`, with one more reference.  A null and
  // an empty string are not equal.
  const AclList* Intern(absl::Span<const jute::ACL> entries);
  // The same for a list as a record holds it: count, then entries.  Allocates
  // nothing when the list is known.
  // REQUIRES: `bytes` is a well-formed vector of ACLs, not the null vector
  const AclList* InternEncoded(std::string_view bytes);
  // Gives one reference back; the last one frees the list.
  void Release(const AclList* list);

  size_t size() const { return lists_.size(); }

 private:
  // By AclList::bytes_.  Iteration order is never observed.
  absl::flat_hash_map<std::string_view, std::unique_ptr<AclList>, StringHash,
                      std::equal_to<std::string_view>>
      lists_;
  const AclList* latest_ = nullptr;  // Most lists equal the one before
};

// Whether `entries` grant any permission in the mask `perms` to somebody with
// these identities.  An empty list grants everything; so does the identity
// scheme "super" (6.2).
bool Permits(absl::Span<const jute::ACL> entries, int32_t perms,
             absl::Span<const Identity> identities);

// Brings the ACL of a create or setACL into the form that is stored (6.3):
// drops duplicates, replaces "auth" by the caller's authenticated identities.
// The views in *normalized point into `acl` and `identities`.
// Errors: kInvalidAcl; kMarshallingError for a null id where one is checked.
// `digest_enabled`: whether the digest provider is registered.
Error NormalizeAcl(absl::Span<const jute::ACL> acl,
                   absl::Span<const Identity> identities, bool digest_enabled,
                   std::vector<jute::ACL>* normalized);

// getACL's view for callers without ADMIN: digest ids lose everything behind
// the first colon, which becomes ":x" (3.10).  Returns the text to show.
std::string RedactedId(const jute::ACL& entry);

// `bytes` as the Java server reads text: malformed UTF-8 becomes U+FFFD.
std::string ReplaceMalformed(std::string_view bytes);

// The identity that digest auth data such as "user:password" gives:
// "user:" + base64(H(data)); `algorithm` as OpenSSL names it ("SHA1",
// "SHA-256").  Empty when the algorithm is unknown.
std::string DigestId(std::string_view auth_data, const std::string& algorithm);

// What whoAmI shows for an identity (3.10).
std::string DisplayName(const Identity& identity);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_ACL_H_

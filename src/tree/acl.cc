#include "tree/acl.h"

#include <openssl/evp.h>

#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "base/check.h"
#include "tree/ip_acl.h"

namespace paddock::tree {

namespace {

// Entries of scheme "auth" multiply: a request may hold many and a connection
// may have many identities.  A result that is longer is refused.
constexpr size_t kExpandedEntriesMax = 100'000;

// Splitting at ':' and dropping empty parts at the end gives two parts.
bool IsValidDigestId(std::string_view id) {
  while (!id.empty() && id.back() == ':') {
    id.remove_suffix(1);
  }
  const size_t colon = id.find(':');
  return colon != std::string_view::npos &&
         id.find(':', colon + 1) == std::string_view::npos;
}

bool Matches(const jute::Id& granted, const Identity& identity) {
  if (granted.scheme != identity.scheme) {
    return false;
  }
  if (granted.scheme == "digest") {
    return granted.id == identity.id;
  }
  return granted.scheme == "ip" && IpAclIdMatches(granted.id, identity.id);
}

std::vector<jute::ACL> WithoutDuplicates(absl::Span<const jute::ACL> acl) {
  // Null and "" are two ids.
  using Key =
      std::tuple<int32_t, absl::string_view, bool, absl::string_view, bool>;
  absl::flat_hash_set<Key> seen;  // Iteration order is never observed
  std::vector<jute::ACL> unique;
  unique.reserve(acl.size());
  for (const jute::ACL& entry : acl) {
    const auto& [scheme, id] = entry.id;
    const Key key(entry.perms, absl::string_view(scheme.data(), scheme.size()),
                  jute::IsNull(scheme), absl::string_view(id.data(), id.size()),
                  jute::IsNull(id));
    if (acl.size() == 1 || seen.insert(key).second) {
      unique.push_back(entry);
    }
  }
  return unique;
}

// Entries of scheme "auth" stand for the identities that their owner has
// proved to have; an address is not proved.
bool IsAuthenticated(const Identity& identity, bool digest_enabled) {
  return identity.scheme == "digest" && digest_enabled;
}

Error CheckEntry(const jute::Id& id, bool digest_enabled) {
  if (jute::IsNull(id.scheme)) {
    return Error::kInvalidAcl;
  }
  const bool is_digest = id.scheme == "digest" && digest_enabled;
  if (!is_digest && id.scheme != "ip" && id.scheme != "world") {
    return Error::kInvalidAcl;  // Nobody vouches for the scheme
  }
  if (jute::IsNull(id.id)) {
    return Error::kMarshallingError;
  }
  const bool valid = is_digest           ? IsValidDigestId(id.id)
                     : id.scheme == "ip" ? IsValidIpAclId(id.id)
                                         : id.id == "anyone";
  return valid ? Error::kOk : Error::kInvalidAcl;
}

// One code point, or the longest start of one that is cut off or wrong.
struct Utf8Step {
  size_t size;
  bool valid;
};

Utf8Step StepUtf8(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) {
    return {1, true};
  }
  const size_t size = lead < 0xc2   ? 0
                      : lead < 0xe0 ? 2
                      : lead < 0xf0 ? 3
                      : lead < 0xf5 ? 4
                                    : 0;
  if (size == 0) {
    return {1, false};
  }
  // The second byte of some lead bytes has a narrower range.
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t k = 1; k < size; ++k) {
    const auto byte = static_cast<uint8_t>(k < text.size() ? text[k] : 0);
    if (byte < (k == 1 ? low : 0x80) || byte > (k == 1 ? high : 0xbf)) {
      return {k, false};
    }
  }
  const bool surrogate = lead == 0xed && static_cast<uint8_t>(text[1]) >= 0xa0;
  return {size, !surrogate};
}

}  // namespace

std::string EncodeAcls(absl::Span<const jute::ACL> entries) {
  std::string bytes;
  jute::OutputArchive out(&bytes);
  out.WriteInt(static_cast<int32_t>(entries.size()));
  for (const jute::ACL& entry : entries) {
    jute::Write(entry, &bytes);
  }
  return bytes;
}

AclList::AclList(absl::Span<const jute::ACL> entries)
    : AclList(EncodeAcls(entries)) {}

AclList::AclList(std::string bytes) : bytes_(std::move(bytes)) {
  jute::InputArchive in(bytes_);
  entries_.resize(in.ReadCount(12));
  for (jute::ACL& entry : entries_) {
    jute::Read(in, &entry);
  }
  CHECK(in.ok() && in.remaining() == 0);
}

const AclList* AclTable::Intern(absl::Span<const jute::ACL> entries) {
  return InternEncoded(EncodeAcls(entries));
}

const AclList* AclTable::InternEncoded(std::string_view bytes) {
  if (latest_ == nullptr || latest_->bytes_ != bytes) {
    const auto known = lists_.find(bytes);
    if (known != lists_.end()) {
      latest_ = known->second.get();
    } else {
      std::unique_ptr<AclList> list(new AclList(std::string(bytes)));
      latest_ = list.get();
      lists_.emplace(latest_->bytes_, std::move(list));
    }
  }
  ++latest_->references_;
  return latest_;
}

void AclTable::Release(const AclList* list) {
  CHECK_GT(list->references_, 0);
  if (--list->references_ > 0) {
    return;
  }
  if (latest_ == list) {
    latest_ = nullptr;
  }
  const auto it = lists_.find(list->bytes_);
  CHECK(it != lists_.end() && it->second.get() == list);
  lists_.erase(it);
}

bool Permits(absl::Span<const jute::ACL> entries, int32_t perms,
             absl::Span<const Identity> identities) {
  if (entries.empty()) {
    return true;
  }
  for (const jute::ACL& entry : entries) {
    if ((entry.perms & perms) != 0 && entry.id.scheme == "world" &&
        entry.id.id == "anyone") {
      return true;
    }
  }
  for (const Identity& identity : identities) {
    if (identity.scheme == "super") {
      return true;
    }
    for (const jute::ACL& entry : entries) {
      if ((entry.perms & perms) != 0 && Matches(entry.id, identity)) {
        return true;
      }
    }
  }
  return false;
}

Error NormalizeAcl(absl::Span<const jute::ACL> acl,
                   absl::Span<const Identity> identities, bool digest_enabled,
                   std::vector<jute::ACL>* normalized) {
  normalized->clear();
  if (acl.empty()) {
    return Error::kInvalidAcl;
  }
  for (const jute::ACL& entry : WithoutDuplicates(acl)) {
    if (entry.id.scheme != "auth") {
      const Error error = CheckEntry(entry.id, digest_enabled);
      if (error != Error::kOk) {
        return error;
      }
      normalized->push_back(entry);
      continue;
    }
    const size_t size_before = normalized->size();
    if (size_before + identities.size() > kExpandedEntriesMax) {
      return Error::kInvalidAcl;
    }
    for (const Identity& identity : identities) {
      if (IsAuthenticated(identity, digest_enabled)) {
        normalized->push_back({entry.perms, {identity.scheme, identity.id}});
      }
    }
    if (normalized->size() == size_before) {
      return Error::kInvalidAcl;
    }
  }
  return Error::kOk;
}

std::string RedactedId(const jute::ACL& entry) {
  const std::string_view id = entry.id.id;
  const size_t colon = id.find(':');
  if (entry.id.scheme != "digest" || colon == std::string_view::npos) {
    return std::string(id);
  }
  return std::string(id.substr(0, colon)) + ":x";
}

std::string ReplaceMalformed(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size();) {
    const Utf8Step step = StepUtf8(bytes.substr(i));
    text.append(step.valid ? bytes.substr(i, step.size) : "\xef\xbf\xbd");
    i += step.size;
  }
  return text;
}

std::string DigestId(std::string_view raw_auth_data,
                     const std::string& algorithm) {
  const std::string auth_data = ReplaceMalformed(raw_auth_data);
  EVP_MD* const md = EVP_MD_fetch(nullptr, algorithm.c_str(), nullptr);
  if (md == nullptr) {
    return "";
  }
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int hash_size = 0;
  const int done = EVP_Digest(auth_data.data(), auth_data.size(), hash,
                              &hash_size, md, nullptr);
  EVP_MD_free(md);
  CHECK_EQ(done, 1);
  unsigned char base64[4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1];
  const int base64_size =
      EVP_EncodeBlock(base64, hash, static_cast<int>(hash_size));
  std::string id = auth_data.substr(0, auth_data.find(':'));
  id.push_back(':');
  id.append(reinterpret_cast<const char*>(base64),
            static_cast<size_t>(base64_size));
  return id;
}

std::string DisplayName(const Identity& identity) {
  if (identity.scheme == "digest") {
    return identity.id.substr(0, identity.id.find(':'));
  }
  const bool has_provider = identity.scheme == "ip" ||
                            identity.scheme == "x509" ||
                            identity.scheme == "sasl";
  return has_provider ? identity.id : "";
}

}  // namespace paddock::tree

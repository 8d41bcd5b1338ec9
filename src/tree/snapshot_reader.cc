// Reading snapshots.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/status_macros.h"
#include "jute/archive.h"
#include "jute/data.h"
#include "jute/persistence.h"
#include "jute/record.h"
#include "tree/digest.h"
#include "tree/snapshot.h"

namespace paddock::tree {
namespace {

constexpr size_t kFetchBytes = 256 << 10;
constexpr size_t kTailBytesMax = 256;  // Three times what they can take
constexpr size_t kIntBytes = 4;
constexpr size_t kLongBytes = 8;
constexpr size_t kHeaderBytes = 16;
constexpr size_t kStatBytes = 60;
constexpr size_t kSealBytes = 13;
constexpr int64_t kOpenAclId = -1;           // World may do everything
constexpr int32_t kDigestVersionAsLong = 2;  // Older ones were hex text

// The bytes of a stream, with as many in memory as the next thing takes.
class Window {
 public:
  explicit Window(ByteSource source) : source_(source) {}

  // The next `size` bytes, without taking them.  Valid until the next call.
  // What is allocated stays within kFetchBytes of what the stream has given.
  absl::StatusOr<std::string_view> Peek(size_t size) {
    while (available() < size) {
      ASSIGN_OR_RETURN(const bool more, Fetch(size));
      if (!more) {
        return absl::DataLossError(
            fmt::format("ends in the middle, after {} bytes",
                        bytes_taken_ + static_cast<int64_t>(available())));
      }
    }
    return std::string_view(buffer_).substr(begin_, size);
  }

  void Take(size_t size) {
    CHECK_LE(size, available());
    begin_ += size;
    bytes_taken_ += static_cast<int64_t>(size);
  }

  // All the rest, or the first `max` bytes of it.
  absl::StatusOr<std::string_view> PeekRest(size_t max) {
    while (available() < max) {
      ASSIGN_OR_RETURN(const bool more, Fetch(max));
      if (!more) {
        break;
      }
    }
    return std::string_view(buffer_).substr(begin_, std::min(max, available()));
  }

  // The Adler-32 of all that was taken.
  int64_t Checksum() {
    AddToChecksum();
    return static_cast<int64_t>(checksum_);
  }

  int64_t bytes_taken() const { return bytes_taken_; }

 private:
  size_t available() const { return end_ - begin_; }

  // Gets some bytes more; false at the end of the stream.
  absl::StatusOr<bool> Fetch(size_t size_wanted) {
    AddToChecksum();
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, available());
      end_ -= begin_;
      begin_ = summed_ = 0;
    }
    const size_t missing = size_wanted - std::min(size_wanted, end_);
    const size_t room = end_ + std::clamp<size_t>(missing, 1, kFetchBytes);
    if (buffer_.size() < room) {
      buffer_.resize(std::max(room, kFetchBytes));
    }
    ASSIGN_OR_RETURN(const size_t got,
                     source_(buffer_.data() + end_, buffer_.size() - end_));
    end_ += got;
    return got > 0;
  }

  void AddToChecksum() {
    checksum_ = Adler32(
        checksum_, std::string_view(buffer_).substr(summed_, begin_ - summed_));
    summed_ = begin_;
  }

  ByteSource source_;
  std::string buffer_;
  size_t begin_ = 0;   // Of the bytes not taken
  size_t end_ = 0;     // Of the bytes that are there
  size_t summed_ = 0;  // Of the bytes in the checksum
  uint32_t checksum_ = kAdler32Start;
  int64_t bytes_taken_ = 0;
};

std::string EncodeAcl(const jute::ACL& entry) {
  return EncodeAcls({&entry, 1});
}

class Reader {
 public:
  Reader(ByteSource source, DataTree* tree, SessionTimeouts* sessions)
      : window_(source), tree_(*tree), sessions_(*sessions) {}

  absl::StatusOr<SnapshotFacts> Read() {
    RETURN_IF_ERROR(ReadHeader());
    RETURN_IF_ERROR(ReadSessions());
    RETURN_IF_ERROR(ReadAcls());
    RETURN_IF_ERROR(ReadNodes());
    RETURN_IF_ERROR(ReadSeal());
    RETURN_IF_ERROR(ReadTails());
    return std::move(facts_);
  }

 private:
  absl::Status ReadHeader();
  absl::Status ReadSessions();
  absl::Status ReadAcls();
  absl::StatusOr<std::string_view> PeekAcl();
  absl::Status ReadNodes();
  absl::StatusOr<bool> ReadNode();
  absl::Status ReadSeal();
  absl::Status ReadTails();
  absl::Status ReadDigest();

  // The int at `offset`, which says how many there are of something.
  absl::StatusOr<size_t> PeekCount(size_t offset, const char* of_what);
  absl::StatusOr<size_t> TakeCount(const char* of_what);
  absl::Status Damage(std::string_view what) const {
    return absl::DataLossError(
        fmt::format("{} at byte {}", what, window_.bytes_taken()));
  }

  Window window_;
  DataTree& tree_;
  SessionTimeouts& sessions_;
  absl::flat_hash_map<int64_t, std::string> acls_;  // Encoded; only looked up
  SnapshotFacts facts_;
};

absl::StatusOr<size_t> Reader::PeekCount(size_t offset, const char* of_what) {
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   window_.Peek(offset + kIntBytes));
  const int32_t count = jute::LoadBigEndian<int32_t>(bytes.data() + offset);
  if (count < 0) {
    return Damage(fmt::format("impossible number of {}", of_what));
  }
  return static_cast<size_t>(count);
}

absl::StatusOr<size_t> Reader::TakeCount(const char* of_what) {
  ASSIGN_OR_RETURN(const size_t count, PeekCount(0, of_what));
  window_.Take(kIntBytes);
  return count;
}

absl::Status Reader::ReadHeader() {
  ASSIGN_OR_RETURN(const std::string_view bytes, window_.Peek(kHeaderBytes));
  jute::FileHeader header;
  CHECK(jute::Read(bytes, &header));
  if (header.magic != jute::kSnapshotMagic ||
      header.version != jute::kFileVersion) {
    return Damage("no header of a snapshot of version 2");
  }
  window_.Take(kHeaderBytes);
  return absl::OkStatus();
}

absl::Status Reader::ReadSessions() {
  ASSIGN_OR_RETURN(const size_t count, TakeCount("sessions"));
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view bytes,
                     window_.Peek(kLongBytes + kIntBytes));
    const auto id = jute::LoadBigEndian<int64_t>(bytes.data());
    if (id == 0) {
      return Damage("a session without an id");
    }
    sessions_[id] = jute::LoadBigEndian<int32_t>(bytes.data() + kLongBytes);
    window_.Take(bytes.size());
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadAcls() {
  acls_[kOpenAclId] = EncodeAcl({jute::kPermAll, {"world", "anyone"}});
  ASSIGN_OR_RETURN(const size_t count, TakeCount("access control lists"));
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view bytes, PeekAcl());
    acls_[jute::LoadBigEndian<int64_t>(bytes.data())] =
        bytes.substr(kLongBytes);
    window_.Take(bytes.size());
  }
  return absl::OkStatus();
}

// One element of the ACL map.
absl::StatusOr<std::string_view> Reader::PeekAcl() {
  ASSIGN_OR_RETURN(const size_t entries, PeekCount(kLongBytes, "ACL entries"));
  size_t end = kLongBytes + kIntBytes;
  for (size_t i = 0; i < entries; ++i) {
    end += kIntBytes;  // The permissions; then scheme and id
    for (int part = 0; part < 2; ++part) {
      ASSIGN_OR_RETURN(const std::string_view bytes,
                       window_.Peek(end + kIntBytes));
      const int32_t size = jute::LoadBigEndian<int32_t>(bytes.data() + end);
      if (size < -1) {
        return Damage("impossible length in an access control list");
      }
      end += kIntBytes + static_cast<size_t>(std::max(size, 0));
    }
  }
  return window_.Peek(end);
}

absl::Status Reader::ReadNodes() {
  for (;;) {
    ASSIGN_OR_RETURN(const bool is_node, ReadNode());
    if (!is_node) {
      return tree_.Find("/") != nullptr ? absl::OkStatus()
                                        : Damage("no root node");
    }
  }
}

// False, with the mark of the end taken instead.
absl::StatusOr<bool> Reader::ReadNode() {
  ASSIGN_OR_RETURN(const size_t path_bytes, PeekCount(0, "bytes of a path"));
  const size_t data_at = kIntBytes + path_bytes;
  ASSIGN_OR_RETURN(std::string_view bytes, window_.Peek(data_at));
  if (bytes.substr(kIntBytes) == "/") {
    window_.Take(bytes.size());
    return false;
  }
  ASSIGN_OR_RETURN(bytes, window_.Peek(data_at + kIntBytes));
  const auto data_size = jute::LoadBigEndian<int32_t>(bytes.data() + data_at);
  if (data_size < -1) {
    return Damage("impossible length of data");
  }
  const size_t data_bytes = static_cast<size_t>(std::max(data_size, 0));
  ASSIGN_OR_RETURN(bytes, window_.Peek(data_at + kIntBytes + data_bytes +
                                       kLongBytes + kStatBytes));
  jute::InputArchive in(bytes);
  const std::string_view name = in.ReadString();
  const std::string_view path = name.empty() ? "/" : name;
  const std::string_view data = in.ReadString();
  const auto acl = acls_.find(in.ReadLong());
  jute::StatPersisted stat;
  CHECK(jute::Read(in, &stat) && in.remaining() == 0);
  if (acl == acls_.end()) {
    facts_.without_acl.emplace_back(path);
  }
  if (!tree_.RestoreNode(
          path, data, acl == acls_.end() ? MissingAcl() : acl->second, stat)) {
    return Damage(
        fmt::format("node {} twice, without its parent or without a name",
                    path.substr(0, 200)));
  }
  window_.Take(bytes.size());
  return true;
}

absl::Status Reader::ReadSeal() {
  const int64_t expected = window_.Checksum();
  ASSIGN_OR_RETURN(const std::string_view bytes, window_.Peek(kSealBytes));
  jute::InputArchive in(bytes);
  const int64_t checksum = in.ReadLong();
  if (checksum != expected) {
    return Damage("wrong checksum");
  }
  if (in.ReadString() != "/" || !in.ok()) {
    return Damage("no end mark");
  }
  window_.Take(kSealBytes);
  return absl::OkStatus();
}

// Which tails there are shows in the number of bytes left, for a writer leaves
// out those that are switched off.
absl::Status Reader::ReadTails() {
  constexpr size_t kZxidTail = kLongBytes + kSealBytes;
  ASSIGN_OR_RETURN(const std::string_view rest,
                   window_.PeekRest(kTailBytesMax));
  if (rest.size() > kZxidTail) {
    RETURN_IF_ERROR(ReadDigest());
    RETURN_IF_ERROR(ReadSeal());
  }
  ASSIGN_OR_RETURN(const std::string_view last,
                   window_.PeekRest(kTailBytesMax));
  if (last.size() == kZxidTail) {
    // In a file it is the zxid at the end of writing, which says nothing.
    window_.Take(kLongBytes);
    RETURN_IF_ERROR(ReadSeal());
  }
  ASSIGN_OR_RETURN(const std::string_view unknown, window_.PeekRest(1));
  return unknown.empty() ? absl::OkStatus() : Damage("unknown bytes");
}

absl::Status Reader::ReadDigest() {
  ZxidDigest digest;
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   window_.PeekRest(kTailBytesMax));
  jute::InputArchive in(bytes);
  digest.zxid = in.ReadLong();
  digest.version = in.ReadInt();
  if (digest.version < kDigestVersionAsLong) {
    in.ReadString();
  } else {
    digest.digest = static_cast<uint64_t>(in.ReadLong());
  }
  if (!in.ok()) {
    return Damage("a digest that cannot be decoded");
  }
  if (digest.zxid > 0) {
    facts_.digest = digest;
  }
  window_.Take(bytes.size() - in.remaining());
  return absl::OkStatus();
}

}  // namespace

std::string_view MissingAcl() {
  static const auto* const acl =
      new std::string(EncodeAcl({0, {"world", "anyone"}}));
  return *acl;
}

absl::StatusOr<SnapshotFacts> ReadSnapshot(ByteSource source, int64_t zxid,
                                           DataTree* tree,
                                           SessionTimeouts* sessions) {
  sessions->clear();
  tree->BeginRestore();
  absl::StatusOr<SnapshotFacts> facts = Reader(source, tree, sessions).Read();
  if (!facts.ok()) {
    sessions->clear();
    tree->BeginRestore();
  }
  tree->EndRestore(facts.ok() ? zxid : 0);
  return facts;
}

}  // namespace paddock::tree

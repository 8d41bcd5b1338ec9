#include "storage/crash_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/check.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

namespace fs = std::filesystem;
using Kind = Operation::Kind;

constexpr size_t kSectorBytes = 512;
constexpr size_t kNever = std::numeric_limits<size_t>::max();

// The content of one file while what survived of its pending operations is
// applied, in their order.
class FileImage {
 public:
  explicit FileImage(std::string durable)
      : bytes_(std::move(durable)), size_(bytes_.size()) {}

  // Applies the sectors of `op` for which `survives(i)` holds, i counting from
  // its first one; `resizes` says whether the size that it gives survived.
  template <class Survives>
  void Write(const Operation& op, bool resizes, Survives survives) {
    const size_t start = static_cast<size_t>(op.offset);
    const size_t end = start + op.bytes.size();
    Reach(end);
    for (size_t sector = start / kSectorBytes; sector * kSectorBytes < end;
         ++sector) {
      if (IsLost(sector)) {
        continue;
      }
      if (!survives(sector - start / kSectorBytes)) {
        lost_[sector] = true;
        continue;
      }
      const size_t from = std::max(sector * kSectorBytes, start);
      const size_t to = std::min((sector + 1) * kSectorBytes, end);
      bytes_.replace(from, to - from, op.bytes, from - start, to - from);
    }
    size_ = resizes ? std::max(size_, end) : size_;
  }

  // Overwrites what `op` was to change in its sectors [first, last) with
  // garbage.
  void Spoil(const Operation& op, size_t first, size_t last, Random* random) {
    const size_t start = static_cast<size_t>(op.offset);
    const size_t origin = start / kSectorBytes * kSectorBytes;
    const size_t from = std::max(origin + first * kSectorBytes, start);
    const size_t to =
        std::min(origin + last * kSectorBytes, start + op.bytes.size());
    for (size_t i = from; i < to; ++i) {
      if (bytes_[i] != op.bytes[i - start]) {
        bytes_[i] = static_cast<char>(random->Below(256));
      }
    }
  }

  void Truncate(size_t size, bool survived) {
    if (!survived) {
      // What is written there later goes to blocks that nothing refers to.
      lost_from_ = std::min(lost_from_, size / kSectorBytes);
      return;
    }
    if (size < bytes_.size()) {
      bytes_.resize(size);
      lost_.resize(std::min(lost_.size(), size / kSectorBytes + 1));
    }
    size_ = size;
  }

  void Allocate(size_t end, bool survived) {
    size_ = survived ? std::max(size_, end) : size_;
  }

  std::string Take() {
    bytes_.resize(size_, '\0');
    return std::move(bytes_);
  }

 private:
  void Reach(size_t end) {
    bytes_.resize(std::max(bytes_.size(), end), '\0');
    lost_.resize(std::max(lost_.size(), end / kSectorBytes + 1));
  }
  bool IsLost(size_t sector) const {
    return lost_[sector] || sector >= lost_from_;
  }

  std::string bytes_;       // May reach beyond the size
  size_t size_;             // As the metadata that survived say
  std::vector<bool> lost_;  // By sector: a write was lost, so later ones are
  size_t lost_from_ = kNever;
};

size_t SectorCount(const Operation& op) {
  const size_t start = static_cast<size_t>(op.offset);
  return (start + op.bytes.size() - 1) / kSectorBytes - start / kSectorBytes +
         1;
}

// How many of `count` pending changes of metadata are there.
size_t CutMetadata(size_t count, Survival survival, Random* random) {
  return survival == Survival::kNothing      ? 0
         : survival == Survival::kEverything ? count
                                             : random->Below(count + 1);
}

// Keeps empty what is empty: a file of zeros takes no room.
void WriteSparse(const std::string& path, const std::string& bytes) {
  const size_t last = bytes.find_last_not_of('\0');
  WriteFile(path, std::string_view(bytes).substr(
                      0, last == std::string::npos ? 0 : last + 1));
  fs::resize_file(path, bytes.size());
}

}  // namespace

const char* NameOf(Survival survival) {
  switch (survival) {
    case Survival::kNothing:
      return "nothing";
    case Survival::kEverything:
      return "everything";
    case Survival::kPrefix:
      return "a prefix";
    case Survival::kSectors:
      return "any sectors";
    case Survival::kGarbage:
      return "a prefix, then garbage";
  }
  return "";
}

Disk::Disk(const Recording& recording, uint64_t seed)
    : recording_(recording), random_(seed) {
  for (size_t i = 0; i < recording.nodes.size(); ++i) {
    const Node& node = recording.nodes[i];
    const bool was_there = i < recording.nodes_at_start;
    const int number = static_cast<int>(i);
    if (node.is_dir) {
      folders_[number];
    } else {
      files_[number].durable = was_there ? node.content : "";
    }
    if (was_there && number != 0) {
      folders_[node.parent].durable[node.name] = number;
    }
  }
}

void Disk::Advance() {
  CHECK(!AtEnd());
  const Operation& op = recording_.operations[next_++];
  switch (op.kind) {
    case Kind::kWrite:
    case Kind::kTruncate:
    case Kind::kAllocate:
      files_.at(op.node).pending.push_back(&op);
      break;
    case Kind::kSync: {
      File& file = files_.at(op.node);
      file.durable = Image(file, Survival::kEverything, &random_);
      file.pending.clear();
      break;
    }
    case Kind::kFailedSync: {
      File& file = files_.at(op.node);
      file.durable = Image(file, Survival::kSectors, &random_);
      file.pending.clear();
      break;
    }
    case Kind::kCreate:
    case Kind::kMakeDir:
    case Kind::kRemove:
    case Kind::kRename:
      folders_.at(op.node).pending.push_back(&op);
      break;
    case Kind::kSyncDir: {
      Folder& folder = folders_.at(op.node);
      folder.durable = Entries(folder, folder.pending.size());
      folder.pending.clear();
      break;
    }
    case Kind::kPromise:
      CHECK_GE(op.offset, promised_);
      promised_ = op.offset;
      break;
  }
}

std::string Disk::Describe() const {
  return next_ == 0 ? "the start" : recording_.operations[next_ - 1].Describe();
}

void Disk::MakeCrashState(Survival survival, Random* random,
                          const std::string& to) const {
  MakeFolder(0, survival, random, to);
}

void Disk::MakeFolder(int node, Survival survival, Random* random,
                      const std::string& to) const {
  const Folder& folder = folders_.at(node);
  const auto entries =
      Entries(folder, CutMetadata(folder.pending.size(), survival, random));
  for (const auto& [name, child] : entries) {
    const std::string path = to + "/" + name;
    if (recording_.nodes[static_cast<size_t>(child)].is_dir) {
      fs::create_directory(path);
      MakeFolder(child, survival, random, path);
    } else {
      WriteSparse(path, Image(files_.at(child), survival, random));
    }
  }
}

// The entries with the first `count` of the pending changes.
std::map<std::string, int> Disk::Entries(const Folder& folder, size_t count) {
  std::map<std::string, int> entries = folder.durable;
  for (size_t i = 0; i < count; ++i) {
    const Operation& op = *folder.pending[i];
    if (op.kind == Kind::kRemove) {
      entries.erase(op.name);
    } else if (op.kind == Kind::kRename) {
      entries[op.to_name] = op.child;
      entries.erase(op.name);
    } else {
      entries[op.name] = op.child;
    }
  }
  return entries;
}

std::string Disk::Image(const File& file, Survival survival, Random* random) {
  const auto& pending = file.pending;
  const size_t sizes_kept = CutMetadata(pending.size(), survival, random);
  // kPrefix and kGarbage: the operation, and its sector, where it ends.
  size_t cut = random->Below(pending.size() + 1);
  if (survival == Survival::kGarbage) {
    for (cut = pending.size(); cut > 0; --cut) {
      if (pending[cut - 1]->kind == Kind::kWrite) {
        --cut;
        break;
      }
    }
  }
  const bool cuts_write =
      cut < pending.size() && pending[cut]->kind == Kind::kWrite;
  const size_t cut_sector =
      cuts_write ? random->Below(SectorCount(*pending[cut]) + 1) : 0;
  const uint64_t odds = 1 + random->Below(15);  // Of 16, for kSectors

  FileImage image(file.durable);
  for (size_t i = 0; i < pending.size(); ++i) {
    const Operation& op = *pending[i];
    const bool size_survives = i < sizes_kept;
    if (op.kind == Kind::kTruncate) {
      image.Truncate(static_cast<size_t>(op.offset), size_survives);
    } else if (op.kind == Kind::kAllocate) {
      image.Allocate(static_cast<size_t>(op.offset + op.size), size_survives);
    } else {
      image.Write(op, size_survives, [&](size_t sector) {
        switch (survival) {
          case Survival::kNothing:
            return false;
          case Survival::kEverything:
            return true;
          case Survival::kSectors:
            return random->Chance(odds, 16);
          case Survival::kPrefix:
          case Survival::kGarbage:
            break;
        }
        return i < cut || (i == cut && sector < cut_sector);
      });
    }
  }
  if (survival == Survival::kGarbage && cuts_write) {
    image.Spoil(*pending[cut], cut_sector, cut_sector + 1 + random->Below(3),
                random);
  }
  return image.Take();
}

}  // namespace paddock::storage

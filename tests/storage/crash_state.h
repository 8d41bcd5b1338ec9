// What a disk may hold after a power cut, made of a recording (disk_model.h).
//
// What was synced is there.  Of what was written to a file after its last sync
// each 512-byte sector holds what it held at some moment since: the writes to
// one sector arrive in order, but those to different sectors in any.  The size
// of the file, too, is that of some moment since, and what it covers and was
// never written reads as zeros.  Of the changes to the entries of a folder
// after its last sync a prefix is there.

#ifndef PADDOCK_TESTS_STORAGE_CRASH_STATE_H_
#define PADDOCK_TESTS_STORAGE_CRASH_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage/disk_model.h"

namespace paddock::storage {

// How much of what was not synced is there.
enum class Survival {
  kNothing,
  kEverything,
  kPrefix,   // Of the writes, and of the sectors of the next one
  kSectors,  // Any
  kGarbage,  // As kPrefix, and the sectors where the last write ends are wrong
};

const char* NameOf(Survival survival);

// The disk at one moment of a recording, which must outlive it.
class Disk {
 public:
  // The disk before the first operation.  `seed` decides what failed syncs
  // have kept.
  Disk(const Recording& recording, uint64_t seed);

  bool AtEnd() const { return next_ == recording_.operations.size(); }
  // Goes past the next operation.  REQUIRES: !AtEnd()
  void Advance();

  // How many operations were done, and the last one.
  size_t position() const { return next_; }
  std::string Describe() const;

  // The last promise made.
  int64_t promised() const { return promised_; }

  // Fills the empty folder `to`.
  void MakeCrashState(Survival survival, Random* random,
                      const std::string& to) const;

 private:
  struct File {
    std::string durable;
    std::vector<const Operation*> pending;
  };
  struct Folder {
    std::map<std::string, int> durable;
    std::vector<const Operation*> pending;
  };

  static std::map<std::string, int> Entries(const Folder& folder, size_t count);
  static std::string Image(const File& file, Survival survival, Random* random);
  void MakeFolder(int node, Survival survival, Random* random,
                  const std::string& to) const;

  const Recording& recording_;
  Random random_;
  size_t next_ = 0;
  int64_t promised_ = 0;
  std::map<int, File> files_;      // By node
  std::map<int, Folder> folders_;  // Likewise
};

}  // namespace paddock::storage

#endif  // PADDOCK_TESTS_STORAGE_CRASH_STATE_H_

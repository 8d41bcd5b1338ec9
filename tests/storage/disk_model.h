// A disk that loses power and fails, for tests.
//
// A program that links disk_model.cc has open(), pwrite(), fdatasync() and the
// other calls that change files go through a DiskModel while there is one,
// those of shared libraries such as SQLite included.  They act on real files;
// under its root the model
//
// - records what was done, in order, with promises that the test notes
//   (crash_state.h makes of a recording what a power cut may leave), and
// - makes chosen calls fail, write short, or wait.
//
// Files whose name ends with "-shm" are not recorded: SQLite rebuilds them.

#ifndef PADDOCK_TESTS_STORAGE_DISK_MODEL_H_
#define PADDOCK_TESTS_STORAGE_DISK_MODEL_H_

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

namespace paddock::storage {

// Kinds of calls, to be joined by |.
enum Call : unsigned {
  kCreateCall = 1u << 0,  // An open() that makes a file
  kOpenCall = 1u << 1,
  kReadCall = 1u << 2,
  kWriteCall = 1u << 3,
  kTruncateCall = 1u << 4,
  kAllocateCall = 1u << 5,
  kSyncCall = 1u << 6,     // Of a file
  kSyncDirCall = 1u << 7,  // Of a folder
  kRenameCall = 1u << 8,
  kRemoveCall = 1u << 9,
  kMakeDirCall = 1u << 10,
};

// Those that need room, and those that change anything.
inline constexpr unsigned kGrowingCalls =
    kCreateCall | kWriteCall | kAllocateCall | kMakeDirCall;
inline constexpr unsigned kChangingCalls = kGrowingCalls | kTruncateCall |
                                           kSyncCall | kSyncDirCall |
                                           kRenameCall | kRemoveCall;

struct Fault {
  enum class Effect {
    kError,         // Does nothing
    kPartialError,  // A write of which half is done; else like kError
    kShort,         // A write says that it did half; no effect on others
    kStall,         // Waits for Release()
  };

  unsigned calls = 0;  // Which kinds
  int nth = 1;         // The first of them that is hit, from Inject() on
  Effect effect = Effect::kError;
  int error = 0;         // errno
  bool lasting = false;  // All after it are hit as well
};

struct Operation {
  enum class Kind {
    kWrite,
    kTruncate,
    kAllocate,
    kSync,
    kFailedSync,  // After it, what was written before may never arrive
    kSyncDir,
    kCreate,
    kMakeDir,
    kRemove,
    kRename,
    kPromise,
  };

  Kind kind;
  int node = 0;         // The file, or the folder whose entries change
  int child = 0;        // kCreate, kMakeDir: the new node
  std::string name;     // Of the entry
  std::string to_name;  // kRename, in the same folder
  int64_t offset = 0;   // kTruncate: the new size; kPromise: what
  int64_t size = 0;     // kAllocate
  std::string bytes;    // kWrite

  std::string Describe() const;
};

// A file or folder under the root, which is node 0.
struct Node {
  bool is_dir = false;
  int parent = 0;
  std::string name;
  std::string content;  // When the recording began
};

struct Recording {
  std::vector<Node> nodes;    // With those that the operations make
  size_t nodes_at_start = 0;  // How many of them were there and durable
  std::vector<Operation> operations;
};

// At most one exists at a time.  Thread-safe.
class DiskModel {
 public:
  // What is under `root` counts as durable.  `root` must be absolute.
  explicit DiskModel(const std::string& root);
  ~DiskModel();

  DiskModel(const DiskModel&) = delete;
  DiskModel& operator=(const DiskModel&) = delete;

  // Notes that from here on `promised` must survive; it never shrinks.
  void Promise(int64_t promised);

  Recording recording() const;

  // Replaces the fault before it.  Counting starts here.
  void Inject(const Fault& fault);
  // Ends the fault, and counts from here on.
  void Heal() { Inject(Fault()); }

  // Calls that were hit, and calls of `calls`, since Inject().
  int hits() const;
  int CountCalls(unsigned calls) const;

  // Waits until a call is stalled; false when none is within 30 s.
  bool AwaitStall();
  // Lets all stalled calls go on, and stalls no more.
  void Release();

  // What the interposed calls do, given the real one.
  int Open(const char* path, int flags, absl::FunctionRef<int()> real);
  void Close(int fd);
  // `offset` < 0: where the file stands.
  ssize_t Write(int fd, const void* bytes, size_t size, int64_t offset,
                absl::FunctionRef<ssize_t(size_t)> real);
  ssize_t Read(int fd, absl::FunctionRef<ssize_t()> real);
  int Truncate(int fd, int64_t size, absl::FunctionRef<int()> real);
  int Allocate(int fd, int64_t offset, int64_t size,
               absl::FunctionRef<int()> real);
  int Sync(int fd, absl::FunctionRef<int()> real);
  int MakeDir(const char* path, absl::FunctionRef<int()> real);
  int Remove(const char* path, absl::FunctionRef<int()> real);
  int Rename(const char* from, const char* to, absl::FunctionRef<int()> real);

 private:
  using Lock = std::unique_lock<std::mutex>;

  void AddTree(const std::string& dir, int node);
  int AddNode(bool is_dir, int parent, const std::string& name);
  std::optional<std::string> Tracked(const char* path) const;
  std::optional<int> NodeOf(int fd) const;
  void Record(Operation operation);
  void RecordEntry(Operation::Kind kind, const std::string& path, int child);
  bool IsHit(Call call);
  // Counts a call; true, with errno, when it must fail.
  bool Fails(Call call, Lock& lock);

  const std::string root_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Recording recording_;
  std::map<std::string, int> live_;  // By path from the root; "" is the root
  std::map<int, int> open_;          // Nodes by descriptor
  Fault fault_;
  std::map<Call, int> counts_;
  int matching_ = 0;
  int hits_ = 0;
  int stalled_ = 0;
};

}  // namespace paddock::storage

#endif  // PADDOCK_TESTS_STORAGE_DISK_MODEL_H_

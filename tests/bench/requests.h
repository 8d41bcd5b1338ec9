// The requests of one kind of work, encoded once and copied ever after.

#ifndef PADDOCK_TESTS_BENCH_REQUESTS_H_
#define PADDOCK_TESTS_BENCH_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace paddock::bench {

enum class Work {
  kGet,
  kExists,
  kSet,
  kMixed,       // 90 % get, 10 % set
  kMulti,       // check and set of one key
  kCreate,      // Persistent, a parent per connection
  kSequential,  // Persistent, one parent
  kDelete,      // What kCreate makes
  kSync,
  kPing,
};

struct WorkName {
  Work work;
  std::string_view name;
};
inline constexpr WorkName kWorkNames[] = {
    {Work::kGet, "get"},       {Work::kExists, "exists"},
    {Work::kSet, "set"},       {Work::kMixed, "mixed"},
    {Work::kMulti, "multi"},   {Work::kCreate, "create"},
    {Work::kDelete, "delete"}, {Work::kSequential, "sequential"},
    {Work::kSync, "sync"},     {Work::kPing, "ping"},
};

// Whether `work` chooses among keys, which must exist.
bool UsesKeys(Work work);

// Where things are: keys and parents are children of a `root` that is not
// shared with other runs, and their names have a fixed width.
std::string KeyPath(const std::string& root, int key);
std::string ParentPath(const std::string& root, int connection);
std::string ChildPath(const std::string& root, int connection, int64_t number);

// Makes the requests of one connection.  Not thread-safe.
class Requests {
 public:
  struct Options {
    Work work = Work::kGet;
    std::string root{};
    int connection = 0;
    int keys = 0;
    int value_bytes = 0;
  };

  explicit Requests(const Options& options);

  // An upper bound on the bytes that Append() stores.
  size_t frame_bytes_max() const { return frame_bytes_max_; }

  // Stores the next request with its length at `to`; returns its end.
  char* Append(int32_t xid, char* to);

 private:
  // Frames of one operation, one per key, all of the same size.
  struct Frames {
    std::string bytes;
    size_t frame_bytes = 0;
    size_t count = 0;
  };

  void Add(Frames* frames, int32_t type, std::string_view body);
  void AddKeys(const Options& options);
  void AddNumbered(const Options& options);

  const Work work_;
  Random random_;
  Frames frames_;
  Frames set_frames_;         // The writes of kMixed
  size_t number_offset_ = 0;  // Of the path's digits, where it is numbered
  int64_t number_ = 0;
  size_t frame_bytes_max_ = 0;
};

}  // namespace paddock::bench

#endif  // PADDOCK_TESTS_BENCH_REQUESTS_H_

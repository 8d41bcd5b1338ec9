#include "storage/disk_model.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

namespace fs = std::filesystem;

constexpr char kUnrecordedSuffix[] = "-shm";

constinit std::atomic<DiskModel*> g_model = nullptr;

// "a/b" -> {"a", "b"}, "b" -> {"", "b"}.
std::pair<std::string, std::string> SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos
             ? std::pair<std::string, std::string>("", path)
             : std::pair(path.substr(0, slash), path.substr(slash + 1));
}

}  // namespace

std::string Operation::Describe() const {
  switch (kind) {
    case Kind::kWrite:
      return fmt::format("write {} bytes at {} of node {}", bytes.size(),
                         offset, node);
    case Kind::kTruncate:
      return fmt::format("truncate node {} to {}", node, offset);
    case Kind::kAllocate:
      return fmt::format("allocate {} at {} of node {}", size, offset, node);
    case Kind::kSync:
      return fmt::format("sync node {}", node);
    case Kind::kFailedSync:
      return fmt::format("failed sync of node {}", node);
    case Kind::kSyncDir:
      return fmt::format("sync folder {}", node);
    case Kind::kCreate:
      return fmt::format("create {} as node {}", name, child);
    case Kind::kMakeDir:
      return fmt::format("make folder {} as node {}", name, child);
    case Kind::kRemove:
      return fmt::format("remove {}", name);
    case Kind::kRename:
      return fmt::format("rename {} to {}", name, to_name);
    case Kind::kPromise:
      return fmt::format("promise {}", offset);
  }
  return "";
}

DiskModel::DiskModel(const std::string& root) : root_(root) {
  CHECK(root_.starts_with('/'));
  live_[""] = AddNode(true, 0, "");
  AddTree("", 0);
  recording_.nodes_at_start = recording_.nodes.size();
  CHECK(g_model.exchange(this) == nullptr);
}

DiskModel::~DiskModel() {
  CHECK(g_model.exchange(nullptr) == this);
  std::lock_guard lock(mutex_);
  CHECK_EQ(stalled_, 0);
}

void DiskModel::AddTree(const std::string& dir, int node) {
  for (const auto& entry : fs::directory_iterator(root_ + "/" + dir)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(kUnrecordedSuffix)) {
      continue;
    }
    const std::string path = dir.empty() ? name : dir + "/" + name;
    const int child = AddNode(entry.is_directory(), node, name);
    live_[path] = child;
    if (entry.is_directory()) {
      AddTree(path, child);
    } else {
      recording_.nodes.back().content = ReadFile(entry.path());
    }
  }
}

int DiskModel::AddNode(bool is_dir, int parent, const std::string& name) {
  recording_.nodes.push_back({is_dir, parent, name, ""});
  return static_cast<int>(recording_.nodes.size()) - 1;
}

void DiskModel::Promise(int64_t promised) {
  std::lock_guard lock(mutex_);
  Record({.kind = Operation::Kind::kPromise, .offset = promised});
}

Recording DiskModel::recording() const {
  std::lock_guard lock(mutex_);
  return recording_;
}

void DiskModel::Inject(const Fault& fault) {
  std::lock_guard lock(mutex_);
  fault_ = fault;
  counts_.clear();
  matching_ = 0;
  hits_ = 0;
  changed_.notify_all();
}

int DiskModel::hits() const {
  std::lock_guard lock(mutex_);
  return hits_;
}

int DiskModel::CountCalls(unsigned calls) const {
  std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& [call, number] : counts_) {
    count += (call & calls) != 0 ? number : 0;
  }
  return count;
}

bool DiskModel::AwaitStall() {
  Lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(30),
                           [this] { return stalled_ > 0; });
}

void DiskModel::Release() { Heal(); }

// The path from the root; nullopt for what is elsewhere or not recorded.
std::optional<std::string> DiskModel::Tracked(const char* path) const {
  const std::string normal = fs::path(path).lexically_normal();
  if (normal == root_) {
    return "";
  }
  if (!normal.starts_with(root_ + "/") || normal.ends_with(kUnrecordedSuffix)) {
    return std::nullopt;
  }
  return normal.substr(root_.size() + 1);
}

std::optional<int> DiskModel::NodeOf(int fd) const {
  const auto found = open_.find(fd);
  return found == open_.end() ? std::nullopt : std::optional(found->second);
}

void DiskModel::Record(Operation operation) {
  recording_.operations.push_back(std::move(operation));
}

// REQUIRES: the folder of `path` is known.
void DiskModel::RecordEntry(Operation::Kind kind, const std::string& path,
                            int child) {
  const auto [dir, name] = SplitPath(path);
  Record({.kind = kind, .node = live_.at(dir), .child = child, .name = name});
}

bool DiskModel::IsHit(Call call) {
  ++counts_[call];
  if ((fault_.calls & call) == 0) {
    return false;
  }
  ++matching_;
  const bool is_hit =
      fault_.lasting ? matching_ >= fault_.nth : matching_ == fault_.nth;
  hits_ += is_hit ? 1 : 0;
  return is_hit;
}

bool DiskModel::Fails(Call call, Lock& lock) {
  if (!IsHit(call) || fault_.effect == Fault::Effect::kShort) {
    return false;
  }
  if (fault_.effect == Fault::Effect::kStall) {
    ++stalled_;
    changed_.notify_all();
    changed_.wait(lock,
                  [this] { return fault_.effect != Fault::Effect::kStall; });
    --stalled_;
    return false;
  }
  errno = fault_.error;
  return true;
}

// --- Calls ---

int DiskModel::Open(const char* path, int flags,
                    absl::FunctionRef<int()> real) {
  const std::optional<std::string> name = Tracked(path);
  if (!name) {
    return real();
  }
  Lock lock(mutex_);
  const bool creates = (flags & O_CREAT) != 0 && !live_.contains(*name);
  if (Fails(creates ? kCreateCall : kOpenCall, lock)) {
    return -1;
  }
  const int fd = real();
  if (fd < 0) {
    return fd;
  }
  if (creates) {
    const auto [dir, leaf] = SplitPath(*name);
    const int child = AddNode(false, live_.at(dir), leaf);
    live_[*name] = child;
    RecordEntry(Operation::Kind::kCreate, *name, child);
  }
  CHECK(live_.contains(*name)) << path << " came from elsewhere";
  const int node = live_.at(*name);
  if ((flags & O_TRUNC) != 0 && !creates) {
    Record({.kind = Operation::Kind::kTruncate, .node = node});
  }
  open_[fd] = node;
  return fd;
}

void DiskModel::Close(int fd) {
  Lock lock(mutex_);
  open_.erase(fd);
}

ssize_t DiskModel::Write(int fd, const void* bytes, size_t size, int64_t offset,
                         absl::FunctionRef<ssize_t(size_t)> real) {
  Lock lock(mutex_);
  const std::optional<int> node = NodeOf(fd);
  if (!node) {
    lock.unlock();
    return real(size);
  }
  const int64_t at = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
  const int hits_before = hits_;
  const bool fails = Fails(kWriteCall, lock);
  const int error = errno;
  const bool is_hit = hits_ != hits_before;
  if (fails && fault_.effect == Fault::Effect::kError) {
    return -1;
  }
  if (is_hit && (fails || fault_.effect == Fault::Effect::kShort)) {
    size = std::max<size_t>(size / 2, 1);
  }
  const ssize_t done = real(size);
  if (done > 0) {
    Record({.kind = Operation::Kind::kWrite,
            .node = *node,
            .offset = at,
            .bytes = std::string(static_cast<const char*>(bytes),
                                 static_cast<size_t>(done))});
  }
  if (fails) {
    errno = error;
    return -1;
  }
  return done;
}

ssize_t DiskModel::Read(int fd, absl::FunctionRef<ssize_t()> real) {
  {
    Lock lock(mutex_);
    if (NodeOf(fd) && Fails(kReadCall, lock)) {
      return -1;
    }
  }
  return real();
}

int DiskModel::Truncate(int fd, int64_t size, absl::FunctionRef<int()> real) {
  Lock lock(mutex_);
  const std::optional<int> node = NodeOf(fd);
  if (node && Fails(kTruncateCall, lock)) {
    return -1;
  }
  const int result = real();
  if (node && result == 0) {
    Record({.kind = Operation::Kind::kTruncate, .node = *node, .offset = size});
  }
  return result;
}

int DiskModel::Allocate(int fd, int64_t offset, int64_t size,
                        absl::FunctionRef<int()> real) {
  Lock lock(mutex_);
  const std::optional<int> node = NodeOf(fd);
  if (node && Fails(kAllocateCall, lock)) {
    return -1;
  }
  const int result = real();
  if (node && result == 0) {
    Record({.kind = Operation::Kind::kAllocate,
            .node = *node,
            .offset = offset,
            .size = size});
  }
  return result;
}

int DiskModel::Sync(int fd, absl::FunctionRef<int()> real) {
  Lock lock(mutex_);
  const std::optional<int> node = NodeOf(fd);
  if (!node) {
    lock.unlock();
    return real();
  }
  const bool is_dir = recording_.nodes[static_cast<size_t>(*node)].is_dir;
  if (Fails(is_dir ? kSyncDirCall : kSyncCall, lock)) {
    if (!is_dir) {
      const int error = errno;
      Record({.kind = Operation::Kind::kFailedSync, .node = *node});
      errno = error;
    }
    return -1;
  }
  const int result = real();
  if (result == 0) {
    Record({.kind = is_dir ? Operation::Kind::kSyncDir : Operation::Kind::kSync,
            .node = *node});
  }
  return result;
}

int DiskModel::MakeDir(const char* path, absl::FunctionRef<int()> real) {
  const std::optional<std::string> name = Tracked(path);
  if (!name) {
    return real();
  }
  Lock lock(mutex_);
  if (Fails(kMakeDirCall, lock)) {
    return -1;
  }
  const int result = real();
  if (result == 0) {
    const auto [dir, leaf] = SplitPath(*name);
    const int child = AddNode(true, live_.at(dir), leaf);
    live_[*name] = child;
    RecordEntry(Operation::Kind::kMakeDir, *name, child);
  }
  return result;
}

int DiskModel::Remove(const char* path, absl::FunctionRef<int()> real) {
  const std::optional<std::string> name = Tracked(path);
  if (!name) {
    return real();
  }
  Lock lock(mutex_);
  if (Fails(kRemoveCall, lock)) {
    return -1;
  }
  const int result = real();
  if (result == 0) {
    RecordEntry(Operation::Kind::kRemove, *name, live_.at(*name));
    live_.erase(*name);
  }
  return result;
}

int DiskModel::Rename(const char* from, const char* to,
                      absl::FunctionRef<int()> real) {
  const std::optional<std::string> name = Tracked(from);
  const std::optional<std::string> to_name = Tracked(to);
  if (!name && !to_name) {
    return real();
  }
  CHECK(name && to_name) << from << " to " << to;
  Lock lock(mutex_);
  if (Fails(kRenameCall, lock)) {
    return -1;
  }
  const int result = real();
  if (result == 0) {
    const int node = live_.at(*name);
    CHECK(!recording_.nodes[static_cast<size_t>(node)].is_dir) << from;
    CHECK_EQ(SplitPath(*name).first, SplitPath(*to_name).first);
    RecordEntry(Operation::Kind::kRename, *name, node);
    recording_.operations.back().to_name = SplitPath(*to_name).second;
    live_.erase(*name);
    live_[*to_name] = node;
  }
  return result;
}

}  // namespace paddock::storage

// --- Interposition ---

namespace {

using paddock::storage::DiskModel;

DiskModel* Model() {
  return paddock::storage::g_model.load(std::memory_order_acquire);
}

}  // namespace

// The function of that name in the next library, which is the C library's or
// that of a sanitizer.
#define REAL(name)                                                    \
  ([] {                                                               \
    static const auto real =                                          \
        reinterpret_cast<decltype(&::name)>(dlsym(RTLD_NEXT, #name)); \
    return real;                                                      \
  }())

#define DEFINE_OPEN(name)                                              \
  int name(const char* path, int flags, ...) {                         \
    mode_t mode = 0;                                                   \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                        \
      va_list rest;                                                    \
      va_start(rest, flags);                                           \
      mode = va_arg(rest, mode_t);                                     \
      va_end(rest);                                                    \
    }                                                                  \
    const auto real = [&] { return REAL(name)(path, flags, mode); };   \
    DiskModel* const model = Model();                                  \
    return model != nullptr ? model->Open(path, flags, real) : real(); \
  }

#define DEFINE_PWRITE(name)                                               \
  ssize_t name(int fd, const void* bytes, size_t size, off64_t offset) {  \
    const auto real = [&](size_t count) {                                 \
      return REAL(name)(fd, bytes, count, offset);                        \
    };                                                                    \
    DiskModel* const model = Model();                                     \
    return model != nullptr ? model->Write(fd, bytes, size, offset, real) \
                            : real(size);                                 \
  }

#define DEFINE_PREAD(name)                                              \
  ssize_t name(int fd, void* to, size_t size, off64_t offset) {         \
    const auto real = [&] { return REAL(name)(fd, to, size, offset); }; \
    DiskModel* const model = Model();                                   \
    return model != nullptr ? model->Read(fd, real) : real();           \
  }

#define DEFINE_FTRUNCATE(name)                                          \
  int name(int fd, off64_t size) noexcept {                             \
    const auto real = [&] { return REAL(name)(fd, size); };             \
    DiskModel* const model = Model();                                   \
    return model != nullptr ? model->Truncate(fd, size, real) : real(); \
  }

#define DEFINE_FALLOCATE(name)                                            \
  int name(int fd, int mode, off64_t offset, off64_t size) {              \
    const auto real = [&] { return REAL(name)(fd, mode, offset, size); }; \
    DiskModel* const model = Model();                                     \
    return model != nullptr ? model->Allocate(fd, offset, size, real)     \
                            : real();                                     \
  }

// These return the error instead of setting errno.
#define DEFINE_POSIX_FALLOCATE(name)                           \
  int name(int fd, off64_t offset, off64_t size) {             \
    DiskModel* const model = Model();                          \
    if (model == nullptr) {                                    \
      return REAL(name)(fd, offset, size);                     \
    }                                                          \
    const int result = model->Allocate(fd, offset, size, [&] { \
      errno = REAL(name)(fd, offset, size);                    \
      return errno == 0 ? 0 : -1;                              \
    });                                                        \
    return result == 0 ? 0 : errno;                            \
  }

#define DEFINE_SYNC(name)                                     \
  int name(int fd) {                                          \
    const auto real = [&] { return REAL(name)(fd); };         \
    DiskModel* const model = Model();                         \
    return model != nullptr ? model->Sync(fd, real) : real(); \
  }

extern "C" {

DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_PWRITE(pwrite)
DEFINE_PWRITE(pwrite64)
DEFINE_PREAD(pread)
DEFINE_PREAD(pread64)
DEFINE_FTRUNCATE(ftruncate)
DEFINE_FTRUNCATE(ftruncate64)
DEFINE_FALLOCATE(fallocate)
DEFINE_FALLOCATE(fallocate64)
DEFINE_POSIX_FALLOCATE(posix_fallocate)
DEFINE_POSIX_FALLOCATE(posix_fallocate64)
DEFINE_SYNC(fsync)
DEFINE_SYNC(fdatasync)

ssize_t write(int fd, const void* bytes, size_t size) {
  const auto real = [&](size_t count) { return REAL(write)(fd, bytes, count); };
  DiskModel* const model = Model();
  return model != nullptr ? model->Write(fd, bytes, size, -1, real)
                          : real(size);
}

ssize_t read(int fd, void* to, size_t size) {
  const auto real = [&] { return REAL(read)(fd, to, size); };
  DiskModel* const model = Model();
  return model != nullptr ? model->Read(fd, real) : real();
}

int close(int fd) {
  if (DiskModel* const model = Model()) {
    model->Close(fd);
  }
  return REAL(close)(fd);
}

int mkdir(const char* path, mode_t mode) noexcept {
  const auto real = [&] { return REAL(mkdir)(path, mode); };
  DiskModel* const model = Model();
  return model != nullptr ? model->MakeDir(path, real) : real();
}

int unlink(const char* path) noexcept {
  const auto real = [&] { return REAL(unlink)(path); };
  DiskModel* const model = Model();
  return model != nullptr ? model->Remove(path, real) : real();
}

int rename(const char* from, const char* to) noexcept {
  const auto real = [&] { return REAL(rename)(from, to); };
  DiskModel* const model = Model();
  return model != nullptr ? model->Rename(from, to, real) : real();
}

}  // extern "C"

#include "bench/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "jute/proto.h"

namespace paddock::bench {
namespace {

constexpr int kNumberDigits = 10;
constexpr size_t kXidOffset = 4;  // Behind the frame's length
constexpr int32_t kSequentialFlag = 2;

std::string CreateBody(const std::string& path, const std::string& value,
                       int32_t flags) {
  std::string body;
  jute::Write(
      jute::CreateRequest{
          path, value, {{jute::kPermAll, {"world", "anyone"}}}, flags},
      &body);
  return body;
}

std::string GetBody(const std::string& path) {
  std::string body;
  jute::Write(jute::GetDataRequest{path, false}, &body);
  return body;
}

std::string SetBody(const std::string& path, const std::string& value) {
  std::string body;
  jute::Write(jute::SetDataRequest{path, value, -1}, &body);
  return body;
}

std::string MultiBody(const std::string& path, const std::string& value) {
  const auto header = [](jute::OpCode type) {
    return jute::MultiHeader{static_cast<int32_t>(type), false, -1};
  };
  std::string body;
  jute::Write(header(jute::OpCode::kCheck), &body);
  jute::Write(jute::CheckVersionRequest{path, -1}, &body);
  jute::Write(header(jute::OpCode::kSetData), &body);
  body += SetBody(path, value);
  jute::Write(jute::MultiHeader{-1, true, -1}, &body);
  return body;
}

// Stores `number` at `to` in kNumberDigits digits.
void StoreDigits(char* to, int64_t number) {
  for (int i = kNumberDigits - 1; i >= 0; --i) {
    to[i] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

}  // namespace

bool UsesKeys(Work work) {
  return work == Work::kGet || work == Work::kExists || work == Work::kSet ||
         work == Work::kMixed || work == Work::kMulti;
}

std::string KeyPath(const std::string& root, int key) {
  return fmt::format("{}/key-{:07}", root, key);
}

std::string ParentPath(const std::string& root, int connection) {
  return fmt::format("{}/{:05}", root, connection);
}

std::string ChildPath(const std::string& root, int connection, int64_t number) {
  return fmt::format("{}/{:010}", ParentPath(root, connection), number);
}

Requests::Requests(const Options& options)
    : work_(options.work),
      random_(static_cast<uint64_t>(options.connection) + 1) {
  const auto type = [](jute::OpCode code) {
    return static_cast<int32_t>(code);
  };
  if (UsesKeys(work_)) {
    AddKeys(options);
  } else if (work_ == Work::kCreate || work_ == Work::kDelete) {
    AddNumbered(options);
  } else if (work_ == Work::kSequential) {
    const std::string value(static_cast<size_t>(options.value_bytes), 'v');
    Add(&frames_, type(jute::OpCode::kCreate),
        CreateBody(options.root + "/s-", value, kSequentialFlag));
  } else if (work_ == Work::kSync) {
    std::string body;
    jute::Write(jute::SyncRequest{options.root}, &body);
    Add(&frames_, type(jute::OpCode::kSync), body);
  } else {
    Add(&frames_, type(jute::OpCode::kPing), "");
  }
  frame_bytes_max_ = std::max(frames_.frame_bytes, set_frames_.frame_bytes);
}

void Requests::AddKeys(const Options& options) {
  const std::string value(static_cast<size_t>(options.value_bytes), 'v');
  for (int key = 0; key < options.keys; ++key) {
    const std::string path = KeyPath(options.root, key);
    if (work_ == Work::kSet) {
      Add(&frames_, static_cast<int32_t>(jute::OpCode::kSetData),
          SetBody(path, value));
    } else if (work_ == Work::kMulti) {
      Add(&frames_, static_cast<int32_t>(jute::OpCode::kMulti),
          MultiBody(path, value));
    } else {
      Add(&frames_,
          static_cast<int32_t>(work_ == Work::kExists ? jute::OpCode::kExists
                                                      : jute::OpCode::kGetData),
          GetBody(path));
    }
    if (work_ == Work::kMixed) {
      Add(&set_frames_, static_cast<int32_t>(jute::OpCode::kSetData),
          SetBody(path, value));
    }
  }
}

void Requests::AddNumbered(const Options& options) {
  const std::string path = ChildPath(options.root, options.connection, 0);
  if (work_ == Work::kCreate) {
    const std::string value(static_cast<size_t>(options.value_bytes), 'v');
    Add(&frames_, static_cast<int32_t>(jute::OpCode::kCreate),
        CreateBody(path, value, 0));
  } else {
    std::string body;
    jute::Write(jute::DeleteRequest{path, -1}, &body);
    Add(&frames_, static_cast<int32_t>(jute::OpCode::kDelete), body);
  }
  number_offset_ = frames_.bytes.find(path) + path.size() - kNumberDigits;
}

void Requests::Add(Frames* frames, int32_t type, std::string_view body) {
  const size_t start = frames->bytes.size();
  frames->bytes.append(4, '\0');
  jute::Write(jute::RequestHeader{0, type}, &frames->bytes);
  frames->bytes += body;
  const size_t size = frames->bytes.size() - start;
  jute::StoreBigEndian(frames->bytes.data() + start,
                       static_cast<int32_t>(size - 4));
  CHECK(start == 0 || size == frames->frame_bytes);
  frames->frame_bytes = size;
  ++frames->count;
}

char* Requests::Append(int32_t xid, char* to) {
  const Frames& frames =
      work_ == Work::kMixed && random_.Chance(1, 10) ? set_frames_ : frames_;
  const size_t index = frames.count == 1 ? 0 : random_.Below(frames.count);
  std::memcpy(to, frames.bytes.data() + index * frames.frame_bytes,
              frames.frame_bytes);
  jute::StoreBigEndian(to + kXidOffset, xid);
  if (number_offset_ != 0) {
    StoreDigits(to + number_offset_, number_++);
  }
  return to + frames.frame_bytes;
}

}  // namespace paddock::bench

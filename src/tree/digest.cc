#include "tree/digest.h"

#include "base/check.h"
#include "base/checksum.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

bool CountsInDigest(std::string_view path) {
  return path.size() <= kZooKeeperPath.size() ||
         !IsAtOrBelow(path, kZooKeeperPath);
}

template <class Integer>
char* Append(char* to, Integer value) {
  jute::StoreBigEndian(to, value);
  return to + sizeof value;
}

}  // namespace

uint32_t NodeDigest(std::string_view path, std::string_view data,
                    const jute::StatPersisted& stat) {
  return NodeDigest(path, ContentCrc(path, data), stat);
}

uint32_t ContentCrc(std::string_view path, std::string_view data) {
  // The root goes by the name "".
  return Crc32(path == "/" ? 0 : Crc32(0, path), data);
}

uint32_t NodeDigest(std::string_view path, uint32_t content_crc,
                    const jute::StatPersisted& stat) {
  if (!CountsInDigest(path)) {
    return 0;
  }
  char bytes[60];
  char* end = bytes;
  end = Append(end, stat.czxid);
  end = Append(end, stat.mzxid);
  end = Append(end, stat.pzxid);
  end = Append(end, stat.ctime);
  end = Append(end, stat.mtime);
  end = Append(end, stat.version);
  end = Append(end, stat.cversion);
  end = Append(end, stat.aversion);
  end = Append(end, stat.ephemeralOwner);
  CHECK(end == bytes + sizeof bytes);
  return Crc32(content_crc, std::string_view(bytes, sizeof bytes));
}

}  // namespace paddock::tree

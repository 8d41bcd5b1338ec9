#include "tree/digest.h"

#include <zlib.h>

#include "base/check.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

uint32_t ContinueCrc(uint32_t crc, const char* bytes, size_t size) {
  return static_cast<uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(bytes), size));
}

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
  uint32_t crc = 0;
  if (path != "/") {  // The root goes by the name ""
    crc = ContinueCrc(crc, path.data(), path.size());
  }
  if (!data.empty()) {  // crc32_z() takes a null pointer for a restart
    crc = ContinueCrc(crc, data.data(), data.size());
  }
  return crc;
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
  return ContinueCrc(content_crc, bytes, sizeof bytes);
}

}  // namespace paddock::tree

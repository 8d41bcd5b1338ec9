#include "net/input_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/check.h"

namespace paddock::net {
namespace {

constexpr size_t kMax = 1 << 20;

// Receives `bytes` as far as there is room for them.
size_t Fill(InputBuffer& buffer, std::string_view bytes, size_t bytes_max) {
  size_t taken = 0;
  while (taken < bytes.size() && buffer.MakeRoom(bytes_max)) {
    const size_t count = std::min(buffer.room_bytes(), bytes.size() - taken);
    std::memcpy(buffer.room(), bytes.data() + taken, count);
    buffer.Commit(count);
    taken += count;
  }
  return taken;
}

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 31 + (i >> 8));
  }
  return bytes;
}

TEST(InputBufferTest, BeginsSmall) {
  InputBuffer buffer;
  EXPECT_EQ(buffer.capacity(), 0u);
  ASSERT_TRUE(buffer.MakeRoom(kMax));
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBytesMin);
}

TEST(InputBufferTest, KeepsBytesWhileItGrowsAndMoves) {
  InputBuffer buffer;
  const std::string all = Pattern(300000);
  size_t received = 0;
  size_t consumed = 0;
  // Uneven steps: what is in the buffer grows and shrinks many times.
  for (size_t step = 1; received < all.size(); step = step * 7 % 9973) {
    const size_t count = std::min(step, all.size() - received);
    received +=
        Fill(buffer, std::string_view(all).substr(received, count), kMax);
    ASSERT_EQ(buffer.data(), all.substr(consumed, received - consumed));
    const size_t handled = std::min(buffer.data().size(), step * 3 / 4);
    buffer.Consume(handled);
    consumed += handled;
  }
}

TEST(InputBufferTest, MemoryFollowsWhatHasArrived) {
  InputBuffer buffer;
  const std::string bytes = Pattern(100000);
  for (size_t size = 1000; size <= bytes.size(); size += 1000) {
    Fill(buffer, std::string_view(bytes).substr(size - 1000, 1000), kMax);
    EXPECT_LE(buffer.capacity(),
              std::max(InputBuffer::kBytesMin, 2 * buffer.data().size()));
  }
}

TEST(InputBufferTest, IsFullAtItsBound) {
  InputBuffer buffer;
  EXPECT_EQ(Fill(buffer, Pattern(kMax + 1), kMax), kMax);
  EXPECT_EQ(buffer.capacity(), kMax);
  EXPECT_FALSE(buffer.MakeRoom(kMax));
}

// A frame that just fits behind what was handled before must find room, or its
// connection would hang.
TEST(InputBufferTest, FrameOfAnySizeFitsBehindAnyOther) {
  const std::string bytes = Pattern(200000);
  const size_t frame_max = 100000;
  const size_t bytes_max = InputBuffer::kBytesLarge + frame_max;
  for (size_t first = 1; first < frame_max; first += 997) {
    InputBuffer buffer;
    Fill(buffer, std::string_view(bytes).substr(0, first + 5), bytes_max);
    buffer.Consume(first);
    ASSERT_EQ(Fill(buffer, std::string_view(bytes).substr(0, frame_max - 5),
                   bytes_max),
              frame_max - 5)
        << first;
  }
}

// Receives into the shared buffer, as far as it has room.
size_t FillBorrowed(InputBuffer& buffer, ReadBuffer& shared,
                    std::string_view bytes) {
  CHECK(buffer.Borrow(&shared));
  const size_t count = std::min(buffer.room_bytes(), bytes.size());
  std::memcpy(buffer.room(), bytes.data(), count);
  buffer.Commit(count);
  return count;
}

TEST(InputBufferTest, TakesNoMemoryForWhatIsHandledAtOnce) {
  ReadBuffer shared;
  InputBuffer buffer;
  for (const size_t size : {size_t{10}, shared.bytes.size()}) {
    EXPECT_EQ(FillBorrowed(buffer, shared, Pattern(size)), size);
    EXPECT_EQ(buffer.data(), Pattern(size));
    buffer.Consume(size);
    buffer.Return();
    EXPECT_EQ(buffer.capacity(), 0u);
  }
}

TEST(InputBufferTest, KeepsWhatIsLeftOver) {
  ReadBuffer shared;
  InputBuffer buffer;
  InputBuffer other;
  const std::string bytes = Pattern(20000);
  FillBorrowed(buffer, shared, std::string_view(bytes).substr(0, 10000));
  buffer.Consume(9000);
  buffer.Return();
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBytesMin);
  FillBorrowed(other, shared, std::string(30000, 'x'));
  other.Return();
  EXPECT_EQ(other.capacity(), 30000u);
  EXPECT_EQ(buffer.data(), bytes.substr(9000, 1000));

  FillBorrowed(buffer, shared, std::string_view(bytes).substr(10000));
  EXPECT_EQ(buffer.data(), bytes.substr(9000));
  buffer.Return();
  EXPECT_EQ(buffer.data(), bytes.substr(9000));
  buffer.Consume(11000);
  buffer.Return();
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(InputBufferTest, BorrowsNothingForMuchThatIsLeft) {
  ReadBuffer shared;
  InputBuffer buffer;
  Fill(buffer, Pattern(30000), kMax);
  EXPECT_FALSE(buffer.Borrow(&shared));
  EXPECT_EQ(buffer.data(), Pattern(30000));
  buffer.Consume(29000);
  EXPECT_TRUE(buffer.Borrow(&shared));
  EXPECT_EQ(buffer.data(), Pattern(30000).substr(29000));
}

TEST(InputBufferTest, BigBufferDoesNotOutliveItsFrame) {
  ReadBuffer shared;
  InputBuffer buffer;
  Fill(buffer, Pattern(kMax), kMax);
  buffer.Consume(kMax - 10);
  ASSERT_TRUE(buffer.Borrow(&shared));
  buffer.Return();
  EXPECT_EQ(buffer.capacity(), InputBuffer::kBytesMin);
  EXPECT_EQ(buffer.data(), Pattern(kMax).substr(kMax - 10));
  buffer.Consume(10);
  buffer.Return();
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(InputBufferTest, ReleaseDropsAll) {
  ReadBuffer shared;
  InputBuffer buffer;
  Fill(buffer, "rest", kMax);
  FillBorrowed(buffer, shared, "more");
  EXPECT_EQ(buffer.data(), "restmore");
  buffer.Release();
  EXPECT_EQ(buffer.data(), "");
  EXPECT_EQ(buffer.capacity(), 0u);
}

}  // namespace
}  // namespace paddock::net

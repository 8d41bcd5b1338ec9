#include "storage/epoch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/log_fixture.h"

namespace paddock::storage {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

zab::Zxid OfEpoch(uint32_t epoch) { return {epoch, 7}; }

TEST(EpochFileTest, WritesWhatAJavaServerReads) {
  const TempDir dir;
  EXPECT_EQ(*ReadEpochs(dir.path()), Epochs());
  ASSERT_TRUE(WriteEpoch(dir.path(), kAcceptedEpochName, 12).ok());
  ASSERT_TRUE(WriteEpoch(dir.path(), kCurrentEpochName, 9).ok());
  ASSERT_TRUE(WriteEpoch(dir.path(), kCurrentEpochName, 12).ok());
  EXPECT_EQ(ReadFile(dir / "currentEpoch"), "12");
  EXPECT_THAT(NamesIn(dir.path()),
              UnorderedElementsAre("currentEpoch", "acceptedEpoch"));
  EXPECT_EQ(*ReadEpochs(dir.path()), (Epochs{.current = 12, .accepted = 12}));
}

TEST(EpochFileTest, ReadsWhatOthersWrite) {
  const TempDir dir;
  WriteFile(dir / "currentEpoch", "3\r\n");  // By hand
  WriteFile(dir / "acceptedEpoch", "2147483647\nmore");
  EXPECT_EQ(*ReadEpochs(dir.path()),
            (Epochs{.current = 3, .accepted = 2147483647}));
  WriteFile(dir / "currentEpoch", "-1");
  WriteFile(dir / "acceptedEpoch", "0");
  WriteFile(dir / "currentEpoch.tmp", "4");
  EXPECT_EQ(*ReadEpochs(dir.path()),
            (Epochs{.accepted = 0, .next_current = 4}));
  WriteFile(dir / "currentEpoch.tmp", "");  // As a power cut leaves it
  EXPECT_EQ(*ReadEpochs(dir.path()), Epochs{.accepted = 0});
}

TEST(EpochFileTest, RefusesWhatIsNoEpoch) {
  const TempDir dir;
  for (const char* const wrong :
       {"", "\n", " 1", "1 ", "x", "1x", "0x1", "-2", "2147483648", "+1",
        "99999999999999999999999999999999999999999"}) {
    WriteFile(dir / "acceptedEpoch", wrong);
    const absl::Status status = ReadEpochs(dir.path()).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << wrong;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr(dir / "acceptedEpoch"),
                               HasSubstr("a number from 0 to 2147483647")));
  }
  std::filesystem::remove(dir / "acceptedEpoch");
  std::filesystem::create_directory(dir / "acceptedEpoch");
  EXPECT_FALSE(ReadEpochs(dir.path()).ok());
}

TEST(EpochFileTest, ResumesAsAJavaServerDoes) {
  const auto resumed = [](const Epochs& found, uint32_t last) {
    return EpochsToResume(found, OfEpoch(last));
  };
  // Of a server that had no ensemble, or no history.
  EXPECT_EQ(*resumed({}, 4), (Epochs{.current = 4, .accepted = 4}));
  EXPECT_EQ(*resumed({.current = 3, .accepted = 5}, 2),
            (Epochs{.current = 3, .accepted = 5}));
  EXPECT_EQ(*resumed({.current = 3, .accepted = 3, .next_current = 9}, 3),
            (Epochs{.current = 3, .accepted = 3}));
  EXPECT_EQ(*resumed({.current = 3, .accepted = 4, .next_current = 4}, 4),
            (Epochs{.current = 4, .accepted = 4}));
  EXPECT_THAT(
      std::string(resumed({.current = 3, .accepted = 9}, 4).status().message()),
      HasSubstr("currentEpoch is 3, but the last transaction, 0x400000007, is "
                "of epoch 4"));
  EXPECT_THAT(
      std::string(resumed({.current = 5, .accepted = 4}, 4).status().message()),
      HasSubstr("acceptedEpoch is 4, which is below currentEpoch 5"));
  EXPECT_FALSE(resumed({.current = 5}, 4).ok());
}

}  // namespace
}  // namespace paddock::storage

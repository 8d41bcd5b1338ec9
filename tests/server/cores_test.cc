// What a process may use of the processor, by files like the system's.

#include "server/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/server_harness.h"

namespace paddock::server {
namespace {

class CoresTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  double Granted() const { return CoresGranted(root_); }

  const double all_ = CoresGranted("/nowhere");

 private:
  const TemporaryFolder folder_;
  const std::filesystem::path root_ = folder_.path();
};

TEST_F(CoresTest, NoMoreThanTheAffinity) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(Granted(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(Granted(), CPU_COUNT(&before));
}

TEST_F(CoresTest, QuotaOfTheOwnGroup) {
  Write("proc/self/cgroup", "0::/a.slice/b.service\n");
  Write("sys/fs/cgroup/a.slice/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/a.slice/b.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(Granted(), 0.5);
}

TEST_F(CoresTest, QuotaOfAGroupAboveIt) {
  Write("proc/self/cgroup", "0::/a.slice/b.service\n");
  Write("sys/fs/cgroup/a.slice/cpu.max", "25000 100000\n");
  Write("sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
  EXPECT_EQ(Granted(), 0.25);
}

TEST_F(CoresTest, ContainerSeesItsGroupAtTheTop) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(Granted(), 0.1);
}

TEST_F(CoresTest, QuotaOfVersion1) {
  Write("proc/self/cgroup",
        "5:memory:/a\n4:cpu,cpuacct:/docker/b\n3:cpuset:/c\n0::/\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Granted(), all_);
  Write("sys/fs/cgroup/cpu/docker/b/cpu.cfs_quota_us", "30000\n");
  Write("sys/fs/cgroup/cpu/docker/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Granted(), 0.3);
}

TEST_F(CoresTest, QuotaOfVersion1UnderItsWholeName) {
  Write("proc/self/cgroup", "4:cpu,cpuacct:/a\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "40000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Granted(), 0.4);
}

TEST_F(CoresTest, WhatCannotBeReadIsNoQuota) {
  Write("proc/self/cgroup", "\nnonsense\n0::\n0::/a\n1:cpu:/../b\n");
  Write("sys/fs/cgroup/cpu.max", "");
  Write("sys/fs/cgroup/a/cpu.max", "0 0\n");
  EXPECT_EQ(Granted(), all_);
}

TEST(SpinTimesTest, TakeACoreForThemselves) {
  const SpinTimes none = SpinTimesFor(1.9);
  EXPECT_EQ(none.ForOwner(0), absl::ZeroDuration());
  EXPECT_EQ(none.ForOwner(1), absl::ZeroDuration());
  EXPECT_EQ(none.log, absl::ZeroDuration());
  const SpinTimes some = SpinTimesFor(2);
  EXPECT_GT(some.ForOwner(0), absl::ZeroDuration());
  EXPECT_GT(some.log, absl::ZeroDuration());
}

TEST(SpinTimesTest, TheOwnerWaitsLongerForTheDiskButNotForManyWrites) {
  const SpinTimes some = SpinTimesFor(2);
  EXPECT_GT(some.ForOwner(1), some.ForOwner(0));
  EXPECT_EQ(some.ForOwner(64), some.ForOwner(1));
  EXPECT_EQ(some.ForOwner(65), absl::ZeroDuration());
}

}  // namespace
}  // namespace paddock::server

#include "net/address.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

std::string Format(const char* address) {
  return FormatAddress(boost::asio::ip::make_address(address));
}

TEST(AddressTest, IsWrittenAsZooKeeperDoes) {
  EXPECT_EQ(Format("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(Format("::1"), "0:0:0:0:0:0:0:1");
  EXPECT_EQ(Format("2001:db8::a:0:ff"), "2001:db8:0:0:0:a:0:ff");
}

TEST(AddressTest, MappedAddressIsIpv4) {
  EXPECT_EQ(Unmapped(boost::asio::ip::make_address("::ffff:10.1.2.3")),
            boost::asio::ip::make_address("10.1.2.3"));
  EXPECT_EQ(Unmapped(boost::asio::ip::make_address("::1")),
            boost::asio::ip::make_address("::1"));
}

}  // namespace
}  // namespace paddock::net

#include "net/address.h"

#include <fmt/format.h>

namespace paddock::net {

boost::asio::ip::address Unmapped(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped,
                                            address.to_v6());
  }
  return address;
}

std::string FormatAddress(const boost::asio::ip::address& address) {
  if (address.is_v4()) {
    return address.to_string();
  }
  const boost::asio::ip::address_v6::bytes_type bytes =
      address.to_v6().to_bytes();
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    fmt::format_to(std::back_inserter(text), "{}{:x}", i == 0 ? "" : ":",
                   bytes[i] << 8 | bytes[i + 1]);
  }
  return text;
}

}  // namespace paddock::net

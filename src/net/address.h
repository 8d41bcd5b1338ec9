// Addresses as ZooKeeper writes them.

#ifndef PADDOCK_NET_ADDRESS_H_
#define PADDOCK_NET_ADDRESS_H_

#include <boost/asio/ip/address.hpp>
#include <string>

namespace paddock::net {

// An IPv4 address that came in through an IPv6 socket becomes IPv4 again.
boost::asio::ip::address Unmapped(const boost::asio::ip::address& address);

// IPv4 in dots, IPv6 as eight hexadecimal groups: "0:0:0:0:0:0:0:1".
std::string FormatAddress(const boost::asio::ip::address& address);

}  // namespace paddock::net

#endif  // PADDOCK_NET_ADDRESS_H_

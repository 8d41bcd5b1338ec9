// The ids of the ACL scheme "ip" (client-protocol.md 6.4): "10.1.0.0/16",
// "fe80::/10", or an address alone.  Pure.

#ifndef PADDOCK_TREE_IP_ACL_H_
#define PADDOCK_TREE_IP_ACL_H_

#include <string_view>

namespace paddock::tree {

bool IsValidIpAclId(std::string_view id);

// Whether `address`, numeric, is of the same family as the ACL id and equal in
// its leading bits.  False when one of them is not valid.
bool IpAclIdMatches(std::string_view id, std::string_view address);

}  // namespace paddock::tree

#endif  // PADDOCK_TREE_IP_ACL_H_

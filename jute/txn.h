// Transactions: what is proposed, logged and applied (module org.apache.
// zookeeper.txn; zab-and-disk.md chapter 5).

#ifndef PADDOCK_JUTE_TXN_H_
#define PADDOCK_JUTE_TXN_H_

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "jute/data.h"
#include "jute/record.h"

namespace paddock::jute {

// In front of every transaction.  clientId is the session, time the wall clock
// of the leader in ms since the epoch, type an OpCode.
struct TxnHeader {
  int64_t clientId = 0;
  int32_t cxid = 0;
  int64_t zxid = 0;
  int64_t time = 0;
  int32_t type = 0;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"clientId", &TxnHeader::clientId},
        Field{"cxid", &TxnHeader::cxid}, Field{"zxid", &TxnHeader::zxid},
        Field{"time", &TxnHeader::time}, Field{"type", &TxnHeader::type}};
  }
  friend bool operator==(const TxnHeader&, const TxnHeader&) = default;
};

// Also for OpCode::kCreate2.
struct CreateTxn {
  std::string_view path;
  std::string_view data;
  std::vector<ACL> acl;
  bool ephemeral = false;
  int32_t parentCVersion = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CreateTxn::path},
                      Field{"data", &CreateTxn::data},
                      Field{"acl", &CreateTxn::acl},
                      Field{"ephemeral", &CreateTxn::ephemeral},
                      Field{"parentCVersion", &CreateTxn::parentCVersion}};
  }
  friend bool operator==(const CreateTxn&, const CreateTxn&) = default;
};

struct CreateContainerTxn {
  std::string_view path;
  std::string_view data;
  std::vector<ACL> acl;
  int32_t parentCVersion = 0;

  static constexpr auto Fields() {
    return std::tuple{
        Field{"path", &CreateContainerTxn::path},
        Field{"data", &CreateContainerTxn::data},
        Field{"acl", &CreateContainerTxn::acl},
        Field{"parentCVersion", &CreateContainerTxn::parentCVersion}};
  }
  friend bool operator==(const CreateContainerTxn&,
                         const CreateContainerTxn&) = default;
};

// ttl in ms.
struct CreateTTLTxn {
  std::string_view path;
  std::string_view data;
  std::vector<ACL> acl;
  int32_t parentCVersion = 0;
  int64_t ttl = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CreateTTLTxn::path},
                      Field{"data", &CreateTTLTxn::data},
                      Field{"acl", &CreateTTLTxn::acl},
                      Field{"parentCVersion", &CreateTTLTxn::parentCVersion},
                      Field{"ttl", &CreateTTLTxn::ttl}};
  }
  friend bool operator==(const CreateTTLTxn&, const CreateTTLTxn&) = default;
};

// Also for OpCode::kDeleteContainer.
struct DeleteTxn {
  std::string_view path;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &DeleteTxn::path}};
  }
  friend bool operator==(const DeleteTxn&, const DeleteTxn&) = default;
};

// version is the new one.
struct SetDataTxn {
  std::string_view path;
  std::string_view data;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SetDataTxn::path},
                      Field{"data", &SetDataTxn::data},
                      Field{"version", &SetDataTxn::version}};
  }
  friend bool operator==(const SetDataTxn&, const SetDataTxn&) = default;
};

struct CheckVersionTxn {
  std::string_view path;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &CheckVersionTxn::path},
                      Field{"version", &CheckVersionTxn::version}};
  }
  friend bool operator==(const CheckVersionTxn&,
                         const CheckVersionTxn&) = default;
};

// version is the new aversion.
struct SetACLTxn {
  std::string_view path;
  std::vector<ACL> acl;
  int32_t version = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"path", &SetACLTxn::path},
                      Field{"acl", &SetACLTxn::acl},
                      Field{"version", &SetACLTxn::version}};
  }
  friend bool operator==(const SetACLTxn&, const SetACLTxn&) = default;
};

// timeOut in ms.
struct CreateSessionTxn {
  int32_t timeOut = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"timeOut", &CreateSessionTxn::timeOut}};
  }
  friend bool operator==(const CreateSessionTxn&,
                         const CreateSessionTxn&) = default;
};

struct CloseSessionTxn {
  std::vector<std::string_view> paths2Delete;

  static constexpr auto Fields() {
    return std::tuple{Field{"paths2Delete", &CloseSessionTxn::paths2Delete}};
  }
  friend bool operator==(const CloseSessionTxn&,
                         const CloseSessionTxn&) = default;
};

struct ErrorTxn {
  int32_t err = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"err", &ErrorTxn::err}};
  }
  friend bool operator==(const ErrorTxn&, const ErrorTxn&) = default;
};

// One operation of a MultiTxn; data is its record.
struct Txn {
  int32_t type = 0;
  std::string_view data;

  static constexpr auto Fields() {
    return std::tuple{Field{"type", &Txn::type}, Field{"data", &Txn::data}};
  }
  friend bool operator==(const Txn&, const Txn&) = default;
};

struct MultiTxn {
  std::vector<Txn> txns;

  static constexpr auto Fields() {
    return std::tuple{Field{"txns", &MultiTxn::txns}};
  }
  friend bool operator==(const MultiTxn&, const MultiTxn&) = default;
};

// Behind a transaction: the digest of the tree after it.
struct TxnDigest {
  int32_t version = 0;
  int64_t treeDigest = 0;

  static constexpr auto Fields() {
    return std::tuple{Field{"version", &TxnDigest::version},
                      Field{"treeDigest", &TxnDigest::treeDigest}};
  }
  friend bool operator==(const TxnDigest&, const TxnDigest&) = default;
};

}  // namespace paddock::jute

#endif  // PADDOCK_JUTE_TXN_H_

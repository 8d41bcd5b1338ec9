#include "tree/data_tree.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "jute/persistence.h"
#include "tree/digest.h"
#include "tree/path.h"

namespace paddock::tree {

namespace {

using jute::OpCode;

constexpr int64_t kTtlOwnerMark = static_cast<int64_t>(0xff00000000000000);
constexpr int64_t kDigestInterval = 128;
constexpr size_t kDigestHistoryMax = 1024;

int64_t RawOwner(const jute::TxnHeader& header, const Operation& op) {
  switch (op.type) {
    case OpCode::kCreateContainer:
      return kContainerOwner;
    case OpCode::kCreateTtl:
      return kTtlOwnerMark | op.ttl;
    default:
      return op.ephemeral ? header.clientId : 0;
  }
}

}  // namespace

DataTree::DataTree(const TreeOptions& options) : options_(options) {
  AddReservedNodes();
}

DataTree::~DataTree() { FreeAll(); }

void DataTree::FreeAll() {
  nodes_.ForEach([this](Znode* node) { Znode::Free(&heap_, node); });
}

// Those that are not there.
void DataTree::AddReservedNodes() {
  AddReserved("/", jute::kPermAll, 0);
  AddReserved(kZooKeeperPath, jute::kPermAll, 0);
  AddReserved(kQuotaPath, jute::kPermAll, 0);
  AddReserved(kConfigPath, jute::kPermRead, -1);
}

void DataTree::AddReserved(std::string_view path, int32_t perms,
                           int32_t aversion) {
  if (Find(path) != nullptr) {
    return;
  }
  const jute::ACL acl{perms, {"world", "anyone"}};
  Znode* const node = Znode::New(&heap_, path, "");
  CHECK(nodes_.Insert(node));
  jute::StatPersisted stat;
  stat.aversion = aversion;
  Link(node, FindMutable(ParentPath(path)), "", acls_.Intern({&acl, 1}), stat);
}

bool DataTree::Apply(const jute::TxnHeader& header, std::string_view record,
                     std::vector<OpResult>* results, ChangeSink sink) {
  if (!DecodeTxn(header.type, &record, &operations_)) {
    return false;
  }
  announced_digest_ = DecodeTxnDigest(record);
  if (OpCode{header.type} == OpCode::kCloseSession) {
    ApplyCloseSession(header, sink);
    results->push_back({.type = OpCode::kCloseSession});
  } else {
    for (const Operation& op : operations_) {
      results->push_back(ApplyOne(header, op, sink));
    }
  }
  FinishTxn(header.zxid);
  return true;
}

OpResult DataTree::ApplyOne(const jute::TxnHeader& header, const Operation& op,
                            ChangeSink sink) {
  switch (op.type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return ApplyCreate(header, op, sink);
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return {.type = op.type,
              .error = ApplyDelete(header.zxid, op.path, sink)};
    case OpCode::kSetData:
    case OpCode::kReconfig:
      return ApplySetData(header, op, sink);
    case OpCode::kSetAcl:
      return ApplySetAcl(op);
    default:  // kError, kCheck, kCreateSession: no effect here
      return {.type = op.type, .error = op.error};
  }
}

OpResult DataTree::ApplyCreate(const jute::TxnHeader& header,
                               const Operation& op, ChangeSink sink) {
  OpResult result{.type = op.type, .path = op.path};
  nodes_.Prefetch(op.path);
  Znode* const parent = FindMutable(ParentPath(op.path));
  if (parent == nullptr) {
    result.error = Error::kNoNode;
    return result;
  }
  const AclList* const acl = acls_.InternEncoded(op.acl);
  Znode* const created = Znode::New(&heap_, op.path, op.data);
  const bool is_new = nodes_.Insert(created);
  RaiseCversion(parent, op.version, header.zxid);
  if (!is_new) {
    Znode::Free(&heap_, created);
    Znode* const node = FindMutable(op.path);
    Touch(node);
    acls_.Release(std::exchange(node->acl_, acl));
    result.error = Error::kNodeExists;
    return result;
  }
  Link(created, parent, op.data, acl,
       {.czxid = header.zxid,
        .mzxid = header.zxid,
        .ctime = header.time,
        .mtime = header.time,
        .ephemeralOwner = RawOwner(header, op),
        .pzxid = header.zxid});
  Touch(created);
  result.stat = StatOf(*created);
  NoteQuotaNodeCreated(op.path);
  AccountQuota(op.path, 1, static_cast<int64_t>(op.data.size()));
  sink({Change::Kind::kCreated, created->path(), acl, parent->acl_});
  return result;
}

// While replaying over a fuzzy snapshot the node may have children: the
// snapshot saw them, and the log will create them again.  They go with it.
Error DataTree::ApplyDelete(int64_t zxid, std::string_view path,
                            ChangeSink sink) {
  Znode* const parent = FindMutable(ParentPath(path));
  if (parent == nullptr) {
    return Error::kNoNode;
  }
  if (zxid > parent->pzxid()) {
    Touch(parent);
    memory_bytes_ -= parent->memory_bytes();
    parent->set_pzxid(zxid);
    memory_bytes_ += parent->memory_bytes();
    UpdateDigest(parent);
  }
  Znode* const node = FindMutable(path);
  if (node == nullptr) {
    return Error::kNoNode;
  }
  for (Znode* leaf = node; leaf != parent;) {
    if (leaf->last_child() != nullptr) {
      leaf = leaf->last_child();
      continue;
    }
    Znode* const above = leaf->parent_;
    RemoveLeaf(leaf, sink);
    leaf = above;
  }
  return Error::kOk;
}

OpResult DataTree::ApplySetData(const jute::TxnHeader& header,
                                const Operation& op, ChangeSink sink) {
  OpResult result{.type = op.type};
  Znode* const node = FindMutable(op.path);
  if (node == nullptr) {
    result.error = Error::kNoNode;
    return result;
  }
  const auto difference = static_cast<int64_t>(op.data.size()) -
                          static_cast<int64_t>(node->data_size_);
  Touch(node);
  ReplaceData(node, op.data);
  node->mtime_ = header.time;
  node->mzxid_ = header.zxid;
  node->version_ = op.version;
  UpdateDigest(node);
  result.stat = StatOf(*node);
  AccountQuota(op.path, 0, difference);
  sink({Change::Kind::kDataChanged, node->path(), node->acl_, nullptr});
  return result;
}

OpResult DataTree::ApplySetAcl(const Operation& op) {
  OpResult result{.type = op.type};
  Znode* const node = FindMutable(op.path);
  if (node == nullptr) {
    result.error = Error::kNoNode;
    return result;
  }
  Touch(node);
  acls_.Release(std::exchange(node->acl_, acls_.InternEncoded(op.acl)));
  node->aversion_ = op.version;
  UpdateDigest(node);
  result.stat = StatOf(*node);
  return result;
}

// First what the transaction lists, then what else the session owns.
void DataTree::ApplyCloseSession(const jute::TxnHeader& header,
                                 ChangeSink sink) {
  for (const Operation& op : operations_) {
    (void)ApplyDelete(header.zxid, op.path, sink);  // May be gone already
  }
  while (const NodeSet* rest = EphemeralsOf(SessionId{header.clientId})) {
    const Error error =
        ApplyDelete(header.zxid, (*rest->begin())->path(), sink);
    CHECK(error == Error::kOk);
  }
}

void DataTree::FinishTxn(int64_t zxid) {
  last_zxid_ = std::max(last_zxid_, zxid);
  if (options_.digest && zxid % kDigestInterval == 0) {
    digest_history_.emplace_back(zxid, digest_);
    if (digest_history_.size() > kDigestHistoryMax) {
      digest_history_.pop_front();
    }
  }
}

void DataTree::Link(Znode* node, Znode* parent, std::string_view data,
                    const AclList* acl, const jute::StatPersisted& stat) {
  CHECK_LT(last_id_, jute::kZnodeIdMax);
  node->id_ = static_cast<uint64_t>(++last_id_);
  node->acl_ = acl;
  node->SetStat(stat);
  memory_bytes_ += node->memory_bytes();
  if (parent != nullptr) {
    memory_bytes_ -= parent->memory_bytes();
    parent->AppendChild(node);
    memory_bytes_ += parent->memory_bytes();
  }
  path_and_data_bytes_ += node->path_size_;
  ReplaceData(node, data);
  UpdateDigest(node);
  if (NodeSet* const set = SetOf(*node)) {
    set->insert(node);
  }
  ephemeral_count_ += IsSession(stat.ephemeralOwner) ? 1 : 0;
}

void DataTree::RemoveLeaf(Znode* node, ChangeSink sink) {
  CHECK_EQ(node->num_children(), 0);
  NoteDeletion(node);
  Znode* const parent = node->parent_;
  CHECK(parent != nullptr);
  const int64_t owner = node->ephemeral_owner_;
  if (NodeSet* const set = SetOf(*node)) {
    CHECK_EQ(set->erase(node), 1u);
    if (IsSession(owner) && set->empty()) {
      ephemerals_.erase(owner);
    }
  }
  ephemeral_count_ -= IsSession(owner) ? 1 : 0;
  path_and_data_bytes_ -= node->path_size_ + node->data_size_;
  data_bytes_ -= node->data_size_;
  memory_bytes_ -= node->memory_bytes();
  digest_ -= node->digest_;
  parent->RemoveChild(node);
  nodes_.Erase(node);

  NoteQuotaNodeDeleted(node->path());
  AccountQuota(node->path(), -1, -static_cast<int64_t>(node->data_size_));
  sink({Change::Kind::kDeleted, node->path(), node->acl_, parent->acl_});
  acls_.Release(node->acl_);
  Znode::Free(&heap_, node);
}

DataTree::NodeSet* DataTree::SetOf(const Znode& node) {
  const int64_t owner = node.ephemeral_owner_;
  if (owner == 0) {
    return nullptr;
  }
  if (IsSession(owner)) {
    return &ephemerals_[owner];
  }
  return owner == kContainerOwner ? &containers_ : &ttl_nodes_;
}

void DataTree::RaiseCversion(Znode* parent, int32_t cversion, int64_t zxid) {
  const int32_t current = parent->cversion();
  if (cversion == -1 && current < std::numeric_limits<int32_t>::max()) {
    cversion = current + 1;
  }
  if (cversion > current) {
    Touch(parent);
    memory_bytes_ -= parent->memory_bytes();
    parent->set_cversion(cversion);
    parent->set_pzxid(zxid);
    memory_bytes_ += parent->memory_bytes();
    UpdateDigest(parent);
  }
}

void DataTree::ReplaceData(Znode* node, std::string_view data) {
  path_and_data_bytes_ += static_cast<int64_t>(data.size());
  path_and_data_bytes_ -= node->data_size_;
  data_bytes_ += data.size();
  data_bytes_ -= node->data_size_;
  memory_bytes_ -= node->memory_bytes();
  node->SetData(data);
  memory_bytes_ += node->memory_bytes();
  if (options_.digest) {
    node->content_crc_ = ContentCrc(node->path(), data);
  }
}

void DataTree::UpdateDigest(Znode* node) {
  if (!options_.digest) {
    return;
  }
  digest_ -= node->digest_;
  node->digest_ = NodeDigest(node->path(), node->content_crc_, node->stat());
  digest_ += node->digest_;
}

}  // namespace paddock::tree

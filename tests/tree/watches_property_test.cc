// WatchTable against a model that follows the words of client-protocol.md 4.1
// and 4.3: two tables of entries (path, connection) with sets of modes.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "tree/path.h"
#include "tree/watches.h"

namespace paddock::tree {
namespace {

enum class Mode { kStandard, kPersistent, kRecursive };
using Table = std::map<std::pair<std::string, ConnectionId>, std::set<Mode>>;
using Event = std::tuple<ConnectionId, EventType, std::string>;
using Connections = std::set<ConnectionId>;

class Model {
 public:
  void Add(const std::string& path, ConnectionId connection, WatchKind kind) {
    for (const auto& [table, mode] : Places(kind)) {
      (*table)[{path, connection}].insert(mode);
    }
  }

  bool Remove(const std::string& path, ConnectionId connection,
              WatchKind kind) {
    bool removed = false;
    for (const auto& [table, mode] : Places(kind)) {
      const auto it = table->find({path, connection});
      if (it != table->end() && it->second.erase(mode) > 0) {
        removed = true;
        if (it->second.empty()) {
          table->erase(it);
        }
      }
    }
    return removed;
  }

  void RemoveConnection(ConnectionId connection) {
    for (Table* table : {&data_, &child_}) {
      std::erase_if(*table, [&](const auto& entry) {
        return entry.first.second == connection;
      });
    }
  }

  bool Has(const std::string& path, ConnectionId connection,
           WatchKind kind) const {
    const auto [table, mode] = const_cast<Model*>(this)->Places(kind)[0];
    const auto it = table->find({path, connection});
    return it != table->end() && it->second.contains(mode);
  }

  std::vector<Event> Trigger(Change::Kind kind, const std::string& path) {
    events_.clear();
    const std::string parent(ParentPath(path));
    switch (kind) {
      case Change::Kind::kCreated:
        TriggerTable(&data_, path, EventType::kNodeCreated, {});
        TriggerTable(&child_, parent, EventType::kNodeChildrenChanged, {});
        break;
      case Change::Kind::kDataChanged:
        TriggerTable(&data_, path, EventType::kNodeDataChanged, {});
        break;
      case Change::Kind::kDeleted: {
        const Connections reached =
            TriggerTable(&data_, path, EventType::kNodeDeleted, {});
        TriggerTable(&child_, path, EventType::kNodeDeleted, reached);
        TriggerTable(&child_, parent, EventType::kNodeChildrenChanged, {});
        break;
      }
    }
    return events_;
  }

  size_t watch_count() const { return data_.size() + child_.size(); }
  const Table& data() const { return data_; }

 private:
  // The entries that a watch of `kind` makes.
  std::vector<std::pair<Table*, Mode>> Places(WatchKind kind) {
    switch (kind) {
      case WatchKind::kData:
        return {{&data_, Mode::kStandard}};
      case WatchKind::kChild:
        return {{&child_, Mode::kStandard}};
      case WatchKind::kPersistent:
        return {{&data_, Mode::kPersistent}, {&child_, Mode::kPersistent}};
      case WatchKind::kRecursive:
        break;
    }
    return {{&data_, Mode::kRecursive}};
  }

  Connections TriggerTable(Table* table, const std::string& path,
                           EventType type, const Connections& skipped) {
    Connections reached;
    for (auto it = table->begin(); it != table->end();) {
      const auto& [watched, connection] = it->first;
      std::set<Mode>& modes = it->second;
      const bool exact = watched == path;
      const bool above = IsAtOrBelow(path, watched);
      if (exact || (above && modes.contains(Mode::kRecursive))) {
        reached.insert(connection);
      }
      if (exact) {
        modes.erase(Mode::kStandard);
      }
      it = modes.empty() ? table->erase(it) : std::next(it);
    }
    for (const ConnectionId connection : reached) {
      if (!skipped.contains(connection)) {
        events_.emplace_back(connection, type, path);
      }
    }
    return reached;
  }

  Table data_;
  Table child_;
  std::vector<Event> events_;
};

std::string RandomPath(Random* random) {
  std::string path;
  for (uint64_t depth = random->Below(4); depth > 0; --depth) {
    path += random->Chance(1, 2) ? "/a" : "/ab";
  }
  return path.empty() ? "/" : path;
}

class WatchTablePropertyTest : public testing::TestWithParam<uint64_t> {
 protected:
  void Step() {
    const std::string path = RandomPath(&random_);
    const ConnectionId connection{1 + random_.Below(5)};
    const auto kind = WatchKind(1 << random_.Below(4));
    const uint64_t choice = random_.Below(100);
    if (choice < 50) {
      watches_.Add(path, connection, kind);
      model_.Add(path, connection, kind);
    } else if (choice < 55) {
      EXPECT_EQ(watches_.Remove(path, connection, kind),
                model_.Remove(path, connection, kind));
    } else if (choice < 58) {
      bool removed = false;
      for (int bit = 0; bit < 4; ++bit) {
        removed |= model_.Remove(path, connection, WatchKind(1 << bit));
      }
      EXPECT_EQ(watches_.HasAny(path, connection), removed);
      EXPECT_EQ(watches_.RemoveAny(path, connection), removed);
    } else if (choice < 60) {
      watches_.RemoveConnection(connection);
      model_.RemoveConnection(connection);
    } else {
      const auto change = static_cast<Change::Kind>(random_.Below(3));
      std::vector<Event> events;
      watches_.Trigger({change, path, nullptr, nullptr},
                       [&](const Notification& n) {
                         for (const ConnectionId connection : n.connections) {
                           events.emplace_back(connection, n.type, n.path);
                         }
                       });
      EXPECT_EQ(events, model_.Trigger(change, path));
    }
    EXPECT_EQ(watches_.Has(path, connection, kind),
              model_.Has(path, connection, kind));
  }

  void Compare() {
    watches_.CheckInvariants();
    EXPECT_EQ(static_cast<size_t>(watches_.watch_count()),
              model_.watch_count());
    Table::size_type watches = 0;
    for (const auto& [path, connections] : watches_.DataWatchesByPath()) {
      for (const ConnectionId connection : connections) {
        EXPECT_TRUE(model_.data().contains({std::string(path), connection}));
        ++watches;
      }
    }
    EXPECT_EQ(watches, model_.data().size());
    EXPECT_EQ(static_cast<size_t>(watches_.DataSummary().watches), watches);
  }

  Random random_{GetParam()};
  WatchTable watches_;
  Model model_;
};

TEST_P(WatchTablePropertyTest, BehavesLikeTheModel) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  for (int step = 0; step < 1500 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    Step();
    Compare();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WatchTablePropertyTest,
                         testing::Range<uint64_t>(1, 7));

}  // namespace
}  // namespace paddock::tree

#include "replica/admin.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/check.h"
#include "fmt/format.h"
#include "jute/archive.h"
#include "replica/metrics.h"
#include "replica/replica.h"

namespace paddock::replica {
namespace {

constexpr std::string_view kTelnetClose = "\xff\xf4\xff\xfd";
constexpr size_t kMaskBytes = 8;
constexpr int64_t kSessionlessMs = 10000;

constexpr std::string_view kWords[] = {
    "conf", "cons", "crst", "dirs", "dump",      "envi", "gtmk",
    "hash", "isro", "mntr", "ruok", "srst",      "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs", kTelnetClose};

int64_t Signed(size_t size) { return static_cast<int64_t>(size); }

// EEE MMM dd HH:mm:ss zzz yyyy
std::string FormatDate(int64_t wall_ms) {
  return absl::FormatTime("%a %b %d %H:%M:%S UTC %Y",
                          absl::FromUnixMillis(wall_ms), absl::UTCTimeZone());
}

}  // namespace

bool IsFourLetterWord(std::string_view word) {
  return std::find(std::begin(kWords), std::end(kWords), word) !=
         std::end(kWords);
}

size_t FourLetterWordArgumentBytes(std::string_view word) {
  return word == "stmk" ? kMaskBytes : 0;
}

// Writes what the words show of a Replica.
class AdminView {
 public:
  AdminView(Replica& replica, const Connection& asking,
            std::string_view argument, const ProcessFacts& facts)
      : replica_(replica),
        asking_(asking),
        argument_(argument),
        facts_(facts) {}

  std::string Run(std::string_view word) {
    using Writer = void (AdminView::*)();
    static constexpr std::pair<std::string_view, Writer> kWriters[] = {
        {"conf", &AdminView::Conf}, {"cons", &AdminView::Cons},
        {"crst", &AdminView::Crst}, {"dirs", &AdminView::Dirs},
        {"dump", &AdminView::Dump}, {"envi", &AdminView::Envi},
        {"gtmk", &AdminView::Gtmk}, {"hash", &AdminView::Hash},
        {"isro", &AdminView::Isro}, {"mntr", &AdminView::Mntr},
        {"ruok", &AdminView::Ruok}, {"srst", &AdminView::Srst},
        {"srvr", &AdminView::Srvr}, {"stat", &AdminView::Stat},
        {"stmk", &AdminView::Stmk}, {"wchc", &AdminView::Wchc},
        {"wchp", &AdminView::Wchp}, {"wchs", &AdminView::Wchs}};
    for (const auto& [name, writer] : kWriters) {
      if (name == word) {
        (this->*writer)();
      }
    }
    return std::move(text_);
  }

 private:
  template <class... Args>
  void Print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format,
                   std::forward<Args>(args)...);
  }

  std::vector<const Connection*> Connections() const {
    std::vector<const Connection*> all;
    for (const auto& [id, connection] : replica_.connections_) {
      if (!connection->closing) {
        all.push_back(connection.get());
      }
    }
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->id < b->id; });
    return all;
  }

  int64_t SessionOf(ConnectionId id) const {
    const Connection* connection = replica_.Find(id);
    return connection == nullptr || connection->session == nullptr
               ? 0
               : ToWire(connection->session->id);
  }

  void PrintConnection(const Connection& c, bool brief) {
    const bool is_ipv6 = c.address.find(':') != std::string::npos;
    Print(" /{}{}{}:{}[{}](queued={},recved={},sent={}", is_ipv6 ? "[" : "",
          c.address, is_ipv6 ? "]" : "", c.port, &c == &asking_ ? 0 : 1,
          c.waiting.size(), c.packets_received, c.packets_sent);
    if (!brief && c.session != nullptr) {
      Print(",sid=0x{:x},lop={},est={},to={}",
            static_cast<uint64_t>(c.session->id), c.last_op,
            c.established_wall_ms, c.session->timeout_ms);
      if (c.last_cxid >= 0) {
        Print(",lcxid=0x{:x}", c.last_cxid);
      }
      Print(",lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={}",
            static_cast<uint64_t>(c.last_zxid), c.last_response_ms,
            c.last_latency_ms, c.latency.min,
            c.latency.count == 0 ? 0 : c.latency.sum / c.latency.count,
            c.latency.max);
    }
    Print(")\n");
  }

  void Conf() {
    for (const auto& [key, value] : facts_.configuration) {
      Print("{}={}\n", key, value);
    }
  }

  void Envi() {
    Print("Environment:\n");
    for (const auto& [key, value] : facts_.environment) {
      Print("{}={}\n", key, value);
    }
  }

  void Cons() {
    for (const Connection* connection : Connections()) {
      PrintConnection(*connection, /*brief=*/false);
    }
    Print("\n");
  }

  void Crst() {
    for (auto& [id, connection] : replica_.connections_) {
      connection->packets_received = 0;
      connection->packets_sent = 0;
      connection->latency = {};
      connection->last_op = "NA";
      connection->last_cxid = -1;
      connection->last_zxid = -1;
      connection->last_response_ms = 0;
      connection->last_latency_ms = 0;
    }
    Print("Connection stats reset.\n");
  }

  void Srst() {
    const int64_t auth_failures = replica_.stats_.auth_failures;
    replica_.stats_ = {};
    replica_.stats_.auth_failures = auth_failures;
    Print("Server stats reset.\n");
  }

  void Dirs() {
    Print("datadir_size: {}\nlogdir_size: {}\n", facts_.data_dir_bytes,
          facts_.log_dir_bytes);
  }

  void Ruok() { Print("imok"); }
  void Isro() { Print("rw"); }
  void Gtmk() { Print("{}", replica_.trace_mask_); }

  // The mask has no effect: there are no traces.  It is kept for the asking.
  void Stmk() {
    if (argument_.size() == kMaskBytes) {
      replica_.trace_mask_ = jute::LoadBigEndian<int64_t>(argument_.data());
    }
    Print("{}", replica_.trace_mask_);
  }

  void Hash() {
    for (const auto& [zxid, digest] : replica_.tree_.digest_history()) {
      Print("{:x}: {}\n", static_cast<uint64_t>(zxid),
            static_cast<int64_t>(digest));
    }
  }

  void PrintServer(bool with_clients) {
    const ServerStats& stats = replica_.stats_;
    Print("Zookeeper version: {}\n", facts_.version);
    const auto connections = Connections();
    if (with_clients) {
      Print("Clients:\n");
      for (const Connection* connection : connections) {
        PrintConnection(*connection, /*brief=*/true);
      }
      Print("\n");
    }
    Print("Latency min/avg/max: {}/{}/{}\n", stats.latency.min,
          FormatNumber(AverageOf(stats.latency)), stats.latency.max);
    Print("Received: {}\nSent: {}\n", stats.packets_received,
          stats.packets_sent);
    Print("Connections: {}\nOutstanding: {}\nZxid: 0x{:x}\n",
          connections.size(), replica_.outstanding(),
          static_cast<uint64_t>(replica_.tree_.last_zxid()));
    Print("Mode: standalone\nNode count: {}\n", replica_.tree_.node_count());
  }

  void Srvr() { PrintServer(/*with_clients=*/false); }
  void Stat() { PrintServer(/*with_clients=*/true); }

  int64_t BucketWallMs(int64_t bucket_ms) const {
    return replica_.wall_ms_ + bucket_ms - replica_.now_ms_;
  }

  void Dump() {
    const auto& buckets = replica_.sessions_.buckets();
    size_t sessions = 0;
    for (const auto& [time_ms, ids] : buckets) {
      sessions += ids.size();
    }
    Print("SessionTracker dump:\nSession Sets ({})/({}):\n", buckets.size(),
          sessions);
    for (const auto& [time_ms, ids] : buckets) {
      Print("{} expire at {}:\n", ids.size(),
            FormatDate(BucketWallMs(time_ms)));
      for (const SessionId id : ids) {
        Print("\t0x{:x}\n", static_cast<uint64_t>(id));
      }
    }
    const auto& ephemerals = replica_.tree_.ephemerals();
    Print("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n",
          ephemerals.size());
    for (const auto& [owner, nodes] : ephemerals) {
      Print("0x{:x}:\n", static_cast<uint64_t>(owner));
      for (const tree::Znode* node : nodes) {
        Print("\t{}\n", node->path());
      }
    }
    DumpConnections();
  }

  // Connections expire with the sessions that they serve; those without one
  // some time after they were made.
  void DumpConnections() {
    std::map<int64_t, std::vector<const Connection*>> by_time;
    size_t count = 0;
    for (const Connection* connection : Connections()) {
      int64_t wall_ms = connection->established_wall_ms + kSessionlessMs;
      if (connection->session != nullptr) {
        wall_ms = BucketWallMs(connection->session->bucket_ms);
      }
      by_time[wall_ms].push_back(connection);
      ++count;
    }
    Print("Connections dump:\nConnections Sets ({})/({}):\n", by_time.size(),
          count);
    for (const auto& [time_ms, connections] : by_time) {
      Print("{} expire at {}:\n", connections.size(), FormatDate(time_ms));
      for (const Connection* connection : connections) {
        Print("\tip: /{}:{} sessionId: 0x{:x}\n", connection->address,
              connection->port,
              static_cast<uint64_t>(SessionOf(connection->id)));
      }
    }
  }

  void Wchs() {
    const auto summary = replica_.watches_.DataSummary();
    Print("{} connections watching {} paths\nTotal watches:{}\n",
          summary.connections, summary.paths, summary.watches);
  }

  void Wchp() {
    for (const auto& [path, connections] :
         replica_.watches_.DataWatchesByPath()) {
      Print("{}\n", path);
      for (const ConnectionId id : connections) {
        Print("\t0x{:x}\n", static_cast<uint64_t>(SessionOf(id)));
      }
    }
    Print("\n");
  }

  void Wchc() {
    std::map<int64_t, std::vector<std::string_view>> by_session;
    for (const auto& [path, connections] :
         replica_.watches_.DataWatchesByPath()) {
      for (const ConnectionId id : connections) {
        by_session[SessionOf(id)].push_back(path);
      }
    }
    for (const auto& [session, paths] : by_session) {
      Print("0x{:x}\n", static_cast<uint64_t>(session));
      for (const std::string_view path : paths) {
        Print("\t{}\n", path);
      }
    }
    Print("\n");
  }

  void Mntr() {
    AppendMetric({"version", facts_.version}, &text_);
    AppendMetric({"server_state", "standalone"}, &text_);
    for (const auto& list : {Gauges(), Counters(), Summaries(), OpCounts(),
                             QuotaMetrics(replica_.tree_), facts_.metrics}) {
      for (const Metric& metric : list) {
        AppendMetric(metric, &text_);
      }
    }
  }

  std::vector<Metric> Gauges() const {
    const ServerStats& stats = replica_.stats_;
    const tree::DataTree& tree = replica_.tree_;
    return {
        {"avg_latency", AverageOf(stats.latency)},
        {"max_latency", stats.latency.max},
        {"min_latency", stats.latency.min},
        {"packets_received", stats.packets_received},
        {"packets_sent", stats.packets_sent},
        {"num_alive_connections", Signed(Connections().size())},
        {"outstanding_requests", Signed(replica_.outstanding())},
        {"uptime", facts_.uptime_ms},
        {"znode_count", tree.node_count()},
        {"watch_count", replica_.watches_.watch_count()},
        {"ephemerals_count", tree.ephemeral_count()},
        {"approximate_data_size", tree.approximate_data_bytes()},
        {"global_sessions", Signed(replica_.sessions_.size())},
        {"local_sessions", int64_t{0}},
        {"open_file_descriptor_count", facts_.open_files},
        {"max_file_descriptor_count", facts_.open_files_max},
        {"last_client_response_size", stats.last_response_size},
        {"max_client_response_size", stats.max_response_size},
        {"min_client_response_size", stats.min_response_size},
        {"auth_failed_count", stats.auth_failures},
    };
  }

  std::vector<Metric> Counters() const {
    const ServerStats& stats = replica_.stats_;
    std::vector<Metric> metrics = {
        {"connection_request_count", stats.connection_requests},
        {"connection_revalidate_count", stats.revalidations},
        {"unsuccessful_handshake", stats.unsuccessful_handshakes},
        {"stale_sessions_expired", stats.expired_sessions},
        {"bytes_received_count", stats.bytes_received},
        {"response_bytes", stats.response_bytes},
        {"watch_bytes", stats.watch_bytes},
        {"commit_count", stats.commits},
        {"digest_mismatches_count", stats.digest_mismatches},
        {"ensemble_auth_success", stats.ensemble_auth_successes},
        {"ensemble_auth_fail", stats.ensemble_auth_failures},
        {"ensemble_auth_skip", stats.ensemble_auth_skips},
        {"throttled_ops", stats.throttled_ops},
        {"stale_requests", stats.stale_requests},
        {"stale_requests_dropped", stats.stale_requests_dropped},
        {"stale_replies", stats.stale_replies},
    };
    for (const auto& [name, count] : stats.quota_exceeded) {
      metrics.push_back({name + "_quota_exceeded_error_per_namespace", count});
    }
    return metrics;
  }

  std::vector<Metric> Summaries() const {
    const ServerStats& stats = replica_.stats_;
    const auto triggered = [&](tree::EventType type) {
      return stats.watches_triggered[static_cast<size_t>(type)];
    };
    return {
        {"readlatency", &stats.read_latency},
        {"updatelatency", &stats.update_latency},
        {"propagation_latency", &stats.propagation_latency},
        {"request_throttle_queue_time_ms", &stats.throttle_queue_time},
        {"sync_processor_queue_and_flush_time_ms", &stats.log_time},
        {"sync_processor_batch_size", stats.batch_size},
        {"node_created_watch_count", triggered(tree::EventType::kNodeCreated)},
        {"node_deleted_watch_count", triggered(tree::EventType::kNodeDeleted)},
        {"node_changed_watch_count",
         triggered(tree::EventType::kNodeDataChanged)},
        {"node_children_watch_count",
         triggered(tree::EventType::kNodeChildrenChanged)},
    };
  }

  std::vector<Metric> OpCounts() const {
    std::map<std::string_view, int64_t> counts;
    int64_t total = 0;
    for (const Op& op : AllOps()) {
      if (!op.metric.empty()) {
        const int64_t count = replica_.stats_.op_counts[OpIndex(op)];
        counts[op.metric] += count;
        total += count;
      }
    }
    counts["total"] = total;
    std::vector<Metric> metrics;
    for (const auto& [name, count] : counts) {
      metrics.push_back({fmt::format("op_count_{}", name), count});
    }
    return metrics;
  }

  Replica& replica_;
  const Connection& asking_;
  const std::string_view argument_;
  const ProcessFacts& facts_;
  std::string text_;
};

std::string Replica::FourLetterWord(ConnectionId id, std::string_view word,
                                    std::string_view argument,
                                    const ProcessFacts& facts) {
  CHECK(IsFourLetterWord(word));
  Connection* connection = Find(id);
  CHECK(connection != nullptr) << static_cast<uint64_t>(id);
  ++connection->packets_received;
  ++stats_.packets_received;
  stats_.bytes_received += static_cast<int64_t>(word.size());
  const std::string name(word == kTelnetClose ? "telnet close" : word);
  const auto& allowed = options_.four_letter_words;
  const bool may_run = allowed.contains("*") || allowed.contains(name);
  std::string answer =
      may_run ? AdminView(*this, *connection, argument, facts).Run(word)
              : name + " is not executed because it is not in the whitelist.\n";
  // Java's writer sends so many bytes at a time, and each counts.
  constexpr size_t kBytesPerPacket = 8192;
  stats_.packets_sent += static_cast<int64_t>(
      (answer.size() + kBytesPerPacket - 1) / kBytesPerPacket);
  return answer;
}

}  // namespace paddock::replica

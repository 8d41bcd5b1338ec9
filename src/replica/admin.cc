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
#include "replica/replica.h"

namespace paddock::replica {
namespace {

constexpr std::string_view kTelnetClose = "\xff\xf4\xff\xfd";
constexpr size_t kMaskBytes = 8;

constexpr std::string_view kWords[] = {
    "conf", "cons", "crst", "dirs", "dump",      "envi", "gtmk",
    "hash", "isro", "mntr", "ruok", "srst",      "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs", kTelnetClose};

// An average with one to four fraction digits, as Java prints a double.
std::string FormatAverage(const LatencyStats& stats) {
  if (stats.count == 0) {
    return "0.0";
  }
  std::string text =
      fmt::format("{:.4f}", static_cast<double>(stats.sum_ms) /
                                static_cast<double>(stats.count));
  const size_t point = text.find('.');
  while (text.size() > point + 2 && text.back() == '0') {
    text.pop_back();
  }
  return text;
}

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
            c.last_latency_ms, c.latency.min_ms,
            c.latency.count == 0 ? 0 : c.latency.sum_ms / c.latency.count,
            c.latency.max_ms);
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
    replica_.stats_ = {};
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
    Print("Latency min/avg/max: {}/{}/{}\n", stats.latency.min_ms,
          FormatAverage(stats.latency), stats.latency.max_ms);
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

  // Connections expire with the sessions that they serve.
  void DumpConnections() {
    std::map<int64_t, std::vector<const Connection*>> by_time;
    size_t count = 0;
    for (const Connection* connection : Connections()) {
      if (connection->session != nullptr) {
        by_time[connection->session->bucket_ms].push_back(connection);
        ++count;
      }
    }
    Print("Connections dump:\nConnections Sets ({})/({}):\n", by_time.size(),
          count);
    for (const auto& [time_ms, connections] : by_time) {
      Print("{} expire at {}:\n", connections.size(),
            FormatDate(BucketWallMs(time_ms)));
      for (const Connection* connection : connections) {
        Print("\tip: /{}:{} sessionId: 0x{:x}\n", connection->address,
              connection->port, static_cast<uint64_t>(connection->session->id));
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

  template <class Value>
  void Metric(std::string_view name, const Value& value) {
    Print("zk_{}\t{}\n", name, value);
  }

  void LatencySummary(std::string_view name, const LatencyStats& stats) {
    Print("zk_avg_{}\t{}\n", name, FormatAverage(stats));
    Print("zk_min_{}\t{}\n", name, stats.min_ms);
    Print("zk_max_{}\t{}\n", name, stats.max_ms);
    Print("zk_cnt_{}\t{}\n", name, stats.count);
    Print("zk_sum_{}\t{}\n", name, stats.sum_ms);
  }

  void Mntr() {
    const ServerStats& stats = replica_.stats_;
    const tree::DataTree& tree = replica_.tree_;
    Metric("version", facts_.version);
    Metric("server_state", "standalone");
    Metric("avg_latency", FormatAverage(stats.latency));
    Metric("max_latency", stats.latency.max_ms);
    Metric("min_latency", stats.latency.min_ms);
    Metric("packets_received", stats.packets_received);
    Metric("packets_sent", stats.packets_sent);
    Metric("num_alive_connections", Connections().size());
    Metric("outstanding_requests", replica_.outstanding());
    Metric("uptime", facts_.uptime_ms);
    Metric("znode_count", tree.node_count());
    Metric("watch_count", replica_.watches_.watch_count());
    Metric("ephemerals_count", tree.ephemeral_count());
    Metric("approximate_data_size", tree.approximate_data_bytes());
    Metric("global_sessions", replica_.sessions_.size());
    Metric("local_sessions", 0);
    Metric("open_file_descriptor_count", facts_.open_files);
    Metric("max_file_descriptor_count", facts_.open_files_max);
    Metric("last_client_response_size", stats.last_response_size);
    Metric("max_client_response_size", stats.max_response_size);
    Metric("min_client_response_size", stats.min_response_size);
    Metric("auth_failed_count", stats.auth_failures);
    Metric("connection_request_count", stats.connection_requests);
    Metric("connection_revalidate_count", stats.revalidations);
    Metric("unsuccessful_handshake", stats.unsuccessful_handshakes);
    Metric("stale_sessions_expired", stats.expired_sessions);
    Metric("bytes_received_count", stats.bytes_received);
    Metric("response_bytes", stats.response_bytes);
    Metric("watch_bytes", stats.watch_bytes);
    Metric("commit_count", stats.commits);
    LatencySummary("readlatency", stats.read_latency);
    LatencySummary("updatelatency", stats.update_latency);
    OpCounts();
    for (const auto& [name, value] : facts_.metrics) {
      Metric(name, value);
    }
  }

  void OpCounts() {
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
    for (const auto& [name, count] : counts) {
      Print("zk_op_count_{}\t{}\n", name, count);
    }
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
  const std::string name(word == kTelnetClose ? "telnet close" : word);
  const auto& allowed = options_.four_letter_words;
  if (!allowed.contains("*") && !allowed.contains(name)) {
    return name + " is not executed because it is not in the whitelist.\n";
  }
  return AdminView(*this, *connection, argument, facts).Run(word);
}

}  // namespace paddock::replica

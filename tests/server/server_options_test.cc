#include "server/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "paddock/config.h"

namespace paddock::server {
namespace {

using testing::ElementsAre;

ServerOptions OptionsOf(std::string_view lines) {
  const auto parsed = ParseConfig(
      "dataDir=/d\nclientPort=2181\n" + std::string(lines), "zoo.cfg");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return ServerOptionsFrom(*parsed);
}

// What zoo.cfg leaves out has the default that each part states itself.
TEST(ServerOptionsTest, DefaultsAgree) {
  const ServerOptions options = OptionsOf("");
  const ServerOptions stated;
  const net::ClientOptions& clients = options.clients;
  EXPECT_EQ(clients.address, stated.clients.address);
  EXPECT_EQ(clients.port, stated.clients.port);
  EXPECT_EQ(clients.listen_backlog, stated.clients.listen_backlog);
  EXPECT_EQ(clients.connections_per_address_max,
            stated.clients.connections_per_address_max);
  EXPECT_EQ(clients.connections_max, stated.clients.connections_max);
  EXPECT_EQ(clients.sessionless_timeout, stated.clients.sessionless_timeout);
  EXPECT_EQ(clients.close_timeout, stated.clients.close_timeout);
  EXPECT_EQ(clients.closing_connections_max,
            stated.clients.closing_connections_max);
  EXPECT_EQ(clients.frame_bytes_max, stated.clients.frame_bytes_max);
  EXPECT_EQ(clients.large_request_bytes_max,
            stated.clients.large_request_bytes_max);
  EXPECT_EQ(clients.input_bytes_total_max,
            stated.clients.input_bytes_total_max);
  EXPECT_EQ(clients.unsent_bytes_soft, stated.clients.unsent_bytes_soft);
  EXPECT_EQ(clients.unsent_bytes_total_soft,
            stated.clients.unsent_bytes_total_soft);
  EXPECT_EQ(clients.unsent_bytes_hard, stated.clients.unsent_bytes_hard);
  EXPECT_EQ(clients.unsent_bytes_total_hard,
            stated.clients.unsent_bytes_total_hard);
  EXPECT_EQ(options.outstanding_max, stated.outstanding_max);
  EXPECT_EQ(options.requests_max, stated.requests_max);
  EXPECT_EQ(options.replica.tick_time, stated.replica.tick_time);
  EXPECT_EQ(options.replica.max_session_timeout,
            stated.replica.max_session_timeout);
  EXPECT_EQ(options.replica.container_check_interval,
            stated.replica.container_check_interval);
  EXPECT_EQ(options.storage.preallocate_bytes,
            stated.storage.preallocate_bytes);
  EXPECT_EQ(options.storage.data_log_dir, "/d");
}

TEST(ServerOptionsTest, EachPartGetsItsKeys) {
  const ServerOptions options = OptionsOf(
      "clientPortAddress=127.0.0.1\n"
      "maxClientCnxns=7\n"
      "maxCnxns=8\n"
      "jute.maxbuffer=5000\n"
      "nio.sessionlessCnxnTimeout=1234\n"
      "connection_throttle_tokens=9\n"
      "largeRequestThreshold=2000\n"
      "globalOutstandingLimit=11\n"
      "request_throttle_max_requests=12\n"
      "tickTime=1000\n"
      "extendedTypesEnabled=true\n"
      "enforceQuota=true\n"
      "4lw.commands.whitelist=ruok\n"
      "enforce.auth.enabled=true\n"
      "enforce.auth.schemes=digest,ip\n"
      "dataLogDir=/l\n"
      "preAllocSize=100\n");
  EXPECT_EQ(options.clients.address, "127.0.0.1");
  EXPECT_EQ(options.clients.connections_per_address_max, 7);
  EXPECT_EQ(options.clients.connections_max, 8);
  EXPECT_EQ(options.clients.frame_bytes_max, 5000);
  EXPECT_EQ(options.clients.sessionless_timeout, absl::Milliseconds(1234));
  EXPECT_EQ(options.clients.throttle.tokens_max, 9);
  EXPECT_EQ(options.clients.large_request_threshold, 2000);
  EXPECT_EQ(options.outstanding_max, 11u);
  EXPECT_EQ(options.requests_max, 12u);
  EXPECT_EQ(options.replica.tick_time, absl::Seconds(1));
  EXPECT_EQ(options.replica.max_session_timeout, absl::Seconds(20));
  EXPECT_TRUE(options.replica.tree.extended_types);
  EXPECT_TRUE(options.replica.enforce_quota);
  EXPECT_TRUE(options.replica.four_letter_words.contains("ruok"));
  EXPECT_THAT(options.replica.enforced_auth_schemes,
              ElementsAre("digest", "ip"));
  EXPECT_EQ(options.storage.data_dir, "/d");
  EXPECT_EQ(options.storage.data_log_dir, "/l");
  EXPECT_EQ(options.storage.preallocate_bytes, 100 * 1024);
}

TEST(ServerOptionsTest, WeightsCountInNewSessions) {
  const net::ConnectionThrottleOptions throttle =
      OptionsOf(
          "connection_throttle_tokens=10\n"
          "connection_throttle_fill_count=2\n"
          "connection_throttle_weight_enabled=true\n"
          "connection_throttle_global_session_weight=5\n"
          "connection_throttle_renew_session_weight=3\n"
          "connection_throttle_local_session_weight=4\n")
          .clients.throttle;
  EXPECT_EQ(throttle.tokens_max, 50);
  EXPECT_EQ(throttle.fill_count, 10);
  EXPECT_EQ(throttle.new_session_weight, 5);
  EXPECT_EQ(throttle.renew_session_weight, 4);  // No less than a local one
}

TEST(ServerOptionsTest, ThrottlesGetTheirKeys) {
  const ServerOptions options = OptionsOf(
      "connection_throttle_tokens=10\n"
      "connection_throttle_freeze_time=20\n"
      "connection_throttle_drop_increase=0.5\n"
      "connection_throttle_drop_decrease=0.25\n"
      "connection_throttle_decrease_ratio=0.125\n"
      "throttled_op_wait_time=30\n"
      "request_stale_latency_check=true\n"
      "request_throttle_drop_stale=false\n");
  const net::ConnectionThrottleOptions& throttle = options.clients.throttle;
  EXPECT_EQ(throttle.tokens_max, 10);
  EXPECT_EQ(throttle.freeze_time, absl::Milliseconds(20));
  EXPECT_EQ(throttle.drop_increase, 0.5);
  EXPECT_EQ(throttle.drop_decrease, 0.25);
  EXPECT_EQ(throttle.decrease_ratio, 0.125);
  EXPECT_EQ(options.replica.throttled_op_wait_time, absl::Milliseconds(30));
  EXPECT_TRUE(options.replica.stale_latency_check);
  EXPECT_FALSE(options.replica.drop_stale_requests);
}

}  // namespace
}  // namespace paddock::server

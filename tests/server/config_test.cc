#include "paddock/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "server/config_keys.h"

namespace paddock {
namespace {

using server::Key;
using server::Section;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kLeast = "dataDir=/data\nclientPort=2181\n";

absl::StatusOr<ParsedConfig> Parse(std::string_view more) {
  return ParseConfig(fmt::format("{}{}", kLeast, more), "zoo.cfg");
}

// The config that `more` gives, on top of what must be there.
Config Read(std::string_view more) {
  const absl::StatusOr<ParsedConfig> parsed = Parse(more);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (!parsed.ok()) {
    return {};
  }
  EXPECT_THAT(parsed->warnings, IsEmpty());
  return parsed->config;
}

std::vector<std::string> Warnings(std::string_view more) {
  const absl::StatusOr<ParsedConfig> parsed = Parse(more);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->warnings : std::vector<std::string>();
}

std::string ErrorOf(std::string_view more) {
  return std::string(Parse(more).status().message());
}

TEST(ConfigTest, TakesAnOrdinaryFile) {
  const ParsedConfig parsed = ParseConfig(
                                  "# The number of ms of each tick\n"
                                  "tickTime=2000\n"
                                  "dataDir=/var/lib/zookeeper\n"
                                  "clientPort=2181\n"
                                  "maxClientCnxns=0\n",
                                  "zoo.cfg")
                                  .value();
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_EQ(parsed.config.data_dir, "/var/lib/zookeeper");
  EXPECT_EQ(parsed.config.data_log_dir, "/var/lib/zookeeper");
  EXPECT_EQ(parsed.config.client_port, 2181);
  EXPECT_EQ(parsed.config.tick_time, absl::Seconds(2));
  EXPECT_EQ(parsed.config.min_session_timeout, absl::Seconds(4));
  EXPECT_EQ(parsed.config.max_session_timeout, absl::Seconds(40));
  EXPECT_EQ(parsed.config.max_client_cnxns, 0);
}

// The table and the fields' initialisers say the same.
TEST(ConfigTest, DefaultsOfTheTableAreThoseOfTheFields) {
  Config expected;
  expected.data_dir = expected.data_log_dir = "/data";
  expected.client_port = 2181;
  EXPECT_EQ(Read(""), expected);
  for (const Section& section : server::Sections()) {
    for (const Key& key : section.keys) {
      if (!key.default_value.empty()) {
        EXPECT_EQ(Read(fmt::format("{}={}", key.name, key.default_value)),
                  expected)
            << key.name;
      }
    }
  }
}

TEST(ConfigTest, EveryKeySetsAFieldOfItsOwn) {
  const auto other_value = [](const Key& key) -> std::string {
    if (std::holds_alternative<bool Config::*>(key.field)) {
      const bool yes_no = !key.allowed.choices.empty();
      const bool on = key.default_value == "true" || key.default_value == "yes";
      return yes_no ? (on ? "no" : "yes") : (on ? "false" : "true");
    }
    if (!key.allowed.choices.empty()) {
      return std::string(
          key.allowed.choices.substr(0, key.allowed.choices.find('|')));
    }
    return key.default_value == "1" ? "0x2" : "1";
  };
  Config before = Read("");
  for (const Section& section : server::Sections()) {
    for (const Key& key : section.keys) {
      if (key.name == "maxSessionTimeout") {
        continue;  // 1 ms is below the minimum
      }
      std::string line = fmt::format("{}={}\n", key.name, other_value(key));
      if (key.name == "enforce.auth.enabled") {
        line += "enforce.auth.schemes=digest\n";
      }
      const Config after = Read(line);
      EXPECT_FALSE(after == before) << line;
      EXPECT_EQ(Read("zookeeper." + line), after) << line;
    }
  }
}

TEST(ConfigTest, EveryNumberIsCheckedAgainstItsRange) {
  for (const Section& section : server::Sections()) {
    for (const Key& key : section.keys) {
      const bool is_text =
          std::holds_alternative<bool Config::*>(key.field) ||
          std::holds_alternative<std::string Config::*>(key.field) ||
          std::holds_alternative<std::set<std::string> Config::*>(key.field);
      if (is_text) {
        continue;
      }
      for (const std::string& value :
           {std::to_string(key.allowed.min - 1),
            std::to_string(key.allowed.max + 1), std::string("12x"),
            std::string(""), std::string("+-1"), std::string("0x"),
            std::string("99999999999999999999")}) {
        EXPECT_EQ(ErrorOf(fmt::format("{}={}", key.name, value)),
                  fmt::format("zoo.cfg:3: {}: '{}' is not allowed; allowed: {}",
                              key.name, value, server::DescribeAllowed(key)));
      }
    }
  }
}

TEST(ConfigTest, SaysWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("tickTime=fast"),
            "zoo.cfg:3: tickTime: 'fast' is not allowed; allowed: a whole "
            "number of ms from 1 to 100000000");
  EXPECT_EQ(ErrorOf("\nreconfigEnabled=yes"),
            "zoo.cfg:4: reconfigEnabled: 'yes' is not allowed; allowed: true "
            "or false");
  EXPECT_EQ(ErrorOf("forceSync=false"),
            "zoo.cfg:3: forceSync: 'false' is not allowed; allowed: yes or no");
  EXPECT_EQ(ErrorOf("log.level=loud"),
            "zoo.cfg:3: log.level: 'loud' is not allowed; allowed: one of "
            "debug, info, warning, error, off");
  EXPECT_THAT(ErrorOf("log.level=info|warning"), HasSubstr("one of debug"));
}

TEST(ConfigTest, ReadsShares) {
  const std::string key = "connection_throttle_drop_increase=";
  EXPECT_EQ(Read(key + "0").connection_throttle_drop_increase, 0);
  EXPECT_EQ(Read(key + "0.125").connection_throttle_drop_increase, 0.125);
  EXPECT_EQ(Read(key + "1").connection_throttle_drop_increase, 1);
  for (const char* value : {"-0.1", "1.1", "0,5", "nan", "inf", "0.5x", ""}) {
    EXPECT_THAT(ErrorOf(key + value),
                testing::EndsWith("allowed: a number from 0 to 1"));
  }
}

TEST(ConfigTest, ReadsUnits) {
  const Config config = Read(
      "preAllocSize=1\ntxnLogSizeLimitInKb=2\nlog.maxFileSize=3\n"
      "jute.maxbuffer=0x100\nfsync.warningthresholdms=20\n");
  EXPECT_EQ(config.pre_alloc_size_bytes, 1024);
  EXPECT_EQ(config.txn_log_size_limit_bytes, 2048);
  EXPECT_EQ(config.log_max_file_size_bytes, 3 << 20);
  EXPECT_EQ(config.jute_max_buffer_bytes, 256);
  EXPECT_EQ(config.fsync_warning_threshold, absl::Milliseconds(20));
}

TEST(ConfigTest, BooleansMayBeInAnyCase) {
  EXPECT_TRUE(Read("reconfigEnabled=TRUE").reconfig_enabled);
  EXPECT_FALSE(Read("digest.enabled=False").digest_enabled);
}

TEST(ConfigTest, TheLastLineOfAKeyWins) {
  EXPECT_EQ(Read("tickTime=1000\nzookeeper.tickTime=500\n").tick_time,
            absl::Milliseconds(500));
}

TEST(ConfigTest, SrvrIsAlwaysAmongTheFourLetterWords) {
  EXPECT_THAT(Read("4lw.commands.whitelist= stat , ruok,,").four_letter_words,
              ElementsAre("ruok", "srvr", "stat"));
  EXPECT_THAT(Read("4lw.commands.whitelist=*").four_letter_words,
              ElementsAre("*", "srvr"));
  EXPECT_THAT(Read("readonlymode.enabled=true").four_letter_words,
              ElementsAre("isro", "srvr"));
}

TEST(ConfigTest, NeedsDataDirAndClientPort) {
  EXPECT_EQ(ParseConfig("clientPort=1", "zoo.cfg").status().message(),
            "zoo.cfg: dataDir is not set");
  EXPECT_EQ(ParseConfig("clientPort=1\ndataDir=", "f").status().message(),
            "f:2: dataDir is not set");
  EXPECT_EQ(ParseConfig("dataDir=/d", "zoo.cfg").status().message(),
            "zoo.cfg: clientPort is not set");
  EXPECT_EQ(ParseConfig("dataDir=/d\nclientPortAddress=::1\n", "f")
                .status()
                .message(),
            "f:2: clientPort is not set");
}

TEST(ConfigTest, RefusesCrossedSessionTimeouts) {
  EXPECT_EQ(ErrorOf("minSessionTimeout=70000"),
            "zoo.cfg:3: minSessionTimeout (70000 ms) is above "
            "maxSessionTimeout (60000 ms)");
}

TEST(ConfigTest, SuggestsTheNearestKey) {
  EXPECT_THAT(
      Warnings("tickTme=1\nZookeeper.skipAcl=yes\nfrobnicate=1\n"
               "zookeeper.initlimit=5\n"),
      ElementsAre(
          "zoo.cfg:3: unknown key 'tickTme', ignored; did you mean 'tickTime'?",
          "zoo.cfg:4: unknown key 'Zookeeper.skipAcl', ignored",
          "zoo.cfg:5: unknown key 'frobnicate', ignored",
          "zoo.cfg:6: unknown key 'zookeeper.initlimit', ignored; did you mean "
          "'initLimit'?"));
}

TEST(ConfigTest, WarnsOnceForEachFeatureThatIsYetToCome) {
  EXPECT_THAT(
      Warnings("initLimit=5\nsecureClientPort=2281\nsyncLimit=2\n"
               "ssl.keyStore.location=/k\n"),
      ElementsAre("zoo.cfg:4: not supported yet, no effect (TLS): "
                  "secureClientPort, ssl.keyStore.location",
                  "zoo.cfg:3: not supported yet, no effect (ensembles): "
                  "initLimit, syncLimit"));
}

TEST(ConfigTest, SaysNothingOfFeaturesThatAreTurnedOff) {
  Read(
      "admin.enableServer=false\naudit.enable=FALSE\nstandaloneEnabled=true\n"
      "sslQuorum=false\nautopurge.purgeInterval=0\n");
}

TEST(ConfigTest, SaysNothingOfWhatOnlyJavaNeeds) {
  Read(
      "maxResponseCacheSize=0\nnetty.server.outstandingHandshake.limit=1\n"
      "commitProcessor.numWorkerThreads=4\nflushDelay=3\n");
}

TEST(ConfigTest, TakesClassNamesOfTheJavaServer) {
  const Config config = Read(
      "authProvider.1=org.apache.zookeeper.server.auth."
      "DigestAuthenticationProvider\n"
      "authProvider.ens=org.apache.zookeeper.server.auth."
      "EnsembleAuthenticationProvider\n"
      "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n");
  EXPECT_TRUE(config.ensemble_auth_enabled);
  EXPECT_THAT(
      Warnings("authProvider.1=org.apache.zookeeper.server.auth."
               "SASLAuthenticationProvider\n"
               "authProvider.2=com.example.Mine\n"
               "serverCnxnFactory=com.example.Yours\n"),
      ElementsAre(
          HasSubstr("no authentication provider 'com.example.Mine' here"),
          HasSubstr("no connection factory 'com.example.Yours' here"),
          HasSubstr("SASL")));
}

TEST(ConfigTest, RunsOnTheFileOfAnEnsembleOfOne) {
  EXPECT_THAT(Warnings("server.1=localhost:2888:3888"),
              ElementsAre(HasSubstr("no effect (ensembles): server.1")));
  const Config config =
      ParseConfig("dataDir=/d\nserver.1=h:1:2:participant;[::1]:2181\n", "f")
          ->config;
  EXPECT_EQ(config.client_port, 2181);
  EXPECT_EQ(config.client_port_address, "::1");
  EXPECT_EQ(
      ParseConfig("dataDir=/d\nserver.1=h:1:2;5\n", "f")->config.client_port,
      5);
}

TEST(ConfigTest, RefusesWrongServerLines) {
  EXPECT_THAT(ErrorOf("server.1=a:1:2\nserver.2=b:1:2\n"),
              StartsWith("zoo.cfg:3: 2 servers, but ensembles are not"));
  EXPECT_THAT(ErrorOf("server.1=a:1:2;x"), StartsWith("zoo.cfg:3: server.1:"));
  EXPECT_THAT(ErrorOf("server.1=a:1:2;70000"), HasSubstr("wrong client port"));
  EXPECT_THAT(ErrorOf("server.1=a:1:2;1"),
              HasSubstr("contradicts clientPort in line 2"));
  EXPECT_THAT(ErrorOf("dynamicConfigFile=d"), HasSubstr("dynamicConfigFile"));
}

// What the file means to keep out must stay out.
TEST(ConfigTest, EnforcedAuthenticationIsNeverDropped) {
  EXPECT_THAT(ErrorOf("enforce.auth.enabled=true"),
              HasSubstr("needs enforce.auth.schemes"));
  EXPECT_THAT(ErrorOf("enforce.auth.enabled=true\nenforce.auth.schemes=x509"),
              HasSubstr("no scheme 'x509' here"));
  EXPECT_THAT(ErrorOf("enforce.auth.enabled=true\nenforce.auth.schemes=digest\n"
                      "DigestAuthenticationProvider.enabled=false"),
              HasSubstr("no scheme 'digest' here"));
  const auto parsed = Parse("sessionRequireClientSASLAuth=true");
  EXPECT_THAT(parsed->warnings, ElementsAre(HasSubstr("no client can use")));
  EXPECT_TRUE(parsed->config.enforce_auth_enabled);
  EXPECT_THAT(parsed->config.enforce_auth_schemes, ElementsAre("sasl"));
}

// conf/zoo.cfg is what `paddock --keys` prints, under a few lines of its own.
TEST(ConfigTest, TheSampleFileDocumentsEveryKeyAndStartsAsItIs) {
  const std::string path = std::string(PADDOCK_SOURCE_DIR) + "/conf/zoo.cfg";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto parsed = ParseConfig(text, path);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->warnings, IsEmpty());
  EXPECT_EQ(parsed->config.client_port_address, "127.0.0.1");
  EXPECT_THAT(text, testing::EndsWith(server::DescribeKeys()))
      << "make it end in the output of `paddock --keys`";
}

TEST(ConfigTest, NoKeyIsInBothTables) {
  for (const Section& section : server::Sections()) {
    for (const Key& key : section.keys) {
      EXPECT_EQ(server::FindOtherKey(key.name), nullptr) << key.name;
    }
  }
}

}  // namespace
}  // namespace paddock

// The keys of zoo.cfg that are accepted although they do nothing here.

#include <algorithm>

#include "server/config_keys.h"

namespace paddock::server {
namespace {

constexpr std::string_view kEnsembles = "ensembles";
constexpr std::string_view kTls = "TLS";
constexpr std::string_view kSasl = "SASL";
constexpr std::string_view kAdmin = "the AdminServer";
constexpr std::string_view kMetrics = "metrics providers";
constexpr std::string_view kAudit = "the audit log";

constexpr OtherKey kOtherKeys[] = {
    // Yet to come.  server.N, authProvider.N and serverCnxnFactory are
    // in config.cc.
    {"initLimit", kEnsembles, ""},
    {"syncLimit", kEnsembles, ""},
    {"connectToLearnerMasterLimit", kEnsembles, "0"},
    {"electionAlg", kEnsembles, "3"},
    {"quorumListenOnAllIPs", kEnsembles, "false"},
    {"peerType", kEnsembles, "participant"},
    {"syncEnabled", kEnsembles, "true"},
    {"observerMasterPort", kEnsembles, ""},
    {"standaloneEnabled", kEnsembles, "true"},
    {"localSessionsEnabled", kEnsembles, "false"},
    {"localSessionsUpgradingEnabled", kEnsembles, "false"},
    {"group.*", kEnsembles, ""},
    {"weight.*", kEnsembles, ""},
    {"oraclePath", kEnsembles, ""},
    {"quorum.auth.*", kEnsembles, "false"},
    {"multiAddress.*", kEnsembles, "false"},
    {"tcpKeepAlive", kEnsembles, "false"},
    {"leaderServes", kEnsembles, "yes"},
    {"leader.*", kEnsembles, ""},
    {"learner.*", kEnsembles, ""},
    {"follower.*", kEnsembles, ""},
    {"leaderConnectDelayDuringRetryMs", kEnsembles, "100"},
    {"forceSnapshotSync", kEnsembles, "false"},
    {"fastleader.*", kEnsembles, ""},
    {"cnxTimeout", kEnsembles, "5000"},
    {"quorumCnxnTimeoutMs", kEnsembles, "-1"},
    {"electionPortBindRetry", kEnsembles, "3"},
    {"observer.*", kEnsembles, ""},
    {"observerMaster.*", kEnsembles, ""},
    {"commitLogCount", kEnsembles, "500"},
    {"snapshotSizeFactor", kEnsembles, "0.33"},
    {"forward_learner_requests_to_commit_processor_disabled", kEnsembles,
     "false"},

    {"secureClientPort", kTls, ""},
    {"secureClientPortAddress", kTls, ""},
    {"sslQuorum", kTls, "false"},
    {"portUnification", kTls, "false"},
    {"sslQuorumReloadCertFiles", kTls, "false"},
    {"ssl.*", kTls, ""},
    {"client.portUnification", kTls, "false"},
    {"client.certReload", kTls, "false"},
    {"X509AuthenticationProvider.superUser", kTls, ""},
    {"fips-mode", kTls, "true"},

    {"superUser", kSasl, ""},
    {"superUser.*", kSasl, ""},
    {"SASLAuthenticationProvider.superPassword", kSasl, ""},
    {"letAnySaslUserDoX", kSasl, ""},
    {"allowSaslFailedClients", kSasl, "false"},
    {"sasl.serverconfig", kSasl, ""},
    {"kerberos.*", kSasl, ""},
    {"security.auth_to_local", kSasl, ""},
    {"requireKerberosConfig", kSasl, "false"},
    {"kinit", kSasl, ""},
    {"java.security.auth.login.config", kSasl, ""},

    {"admin.enableServer", kAdmin, "false"},
    {"admin.*", kAdmin, ""},
    {"IPAuthenticationProvider.usexforwardedfor", kAdmin, "false"},
    {"pathStats.*", kAdmin, "false"},
    {"metricsProvider.className", kMetrics,
     "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider"},
    {"metricsProvider.*", kMetrics, ""},
    {"audit.enable", kAudit, "false"},
    {"audit.impl.class", kAudit, ""},

    // How the Java server works inside.
    {"quorum.cnxn.threads.size", "", ""},
    {"jvm.pause.*", "", ""},
    {"jute.maxbuffer.extrasize", "", ""},
    {"request_throttler.shutdownTimeout", "", ""},
    {"request_throttle_stall_time", "", ""},
    // Waiting requests go with their connection, and there are no others.
    {"request_stale_connection_check", "", ""},
    // Asks members of an ensemble to check before they forward a request; a
    // standalone server checks at once.
    {"enableEagerACLCheck", "", ""},
    {"maxResponseCacheSize", "", ""},
    {"maxGetChildrenResponseCacheSize", "", ""},
    {"intBufferStartingSizeBytes", "", ""},
    {"nio.numSelectorThreads", "", ""},
    {"nio.numWorkerThreads", "", ""},
    {"nio.directBufferBytes", "", ""},
    {"nio.shutdownTimeout", "", ""},
    {"netty.*", "", ""},
    {"closeSessionTxn.enabled", "", ""},  // Written always
    {"flushDelay", "", ""},               // Group commit needs no delay
    {"maxWriteQueuePollTime", "", ""},
    {"maxBatchSize", "", ""},
    {"testingonly.initialZxid", "", ""},
    {"snapSizeLimitInKb", "", ""},  // checkpoint.* says how often instead
    {"snapshot.*", "", ""},
    {"serializeLastProcessedZxid.enabled", "", ""},
    {"db.autocreate", "", ""},
    {"watchManagerName", "", ""},
    {"watcherCleanThreadsNum", "", ""},
    {"watcherCleanThreshold", "", ""},
    {"watcherCleanIntervalInSeconds", "", ""},
    {"maxInProcessingDeadWatchers", "", ""},
    {"bitHashCacheSize", "", ""},
    {"commitProcessor.*", "", ""},
    {"messageTracker.*", "", ""},
    {"jmx.log4j.*", "", ""},
};

bool Matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) {
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  }
  return name == pattern;
}

}  // namespace

std::span<const OtherKey> OtherKeys() { return kOtherKeys; }

const OtherKey* FindOtherKey(std::string_view name) {
  // The first that matches, so an exact name stands before its pattern.
  const auto found = std::find_if(
      std::begin(kOtherKeys), std::end(kOtherKeys),
      [name](const OtherKey& key) { return Matches(key.name, name); });
  return found == std::end(kOtherKeys) ? nullptr : found;
}

}  // namespace paddock::server

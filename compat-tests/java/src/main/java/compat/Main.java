package compat;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Runs one scenario: {@code Main SCENARIO host:port [args]}. */
public final class Main {
  private static final Map<String, Scenario> SCENARIOS = new TreeMap<>(
      Map.ofEntries(
          Map.entry("curator_recipes", new CuratorRecipes()),
          Map.entry("curator_tracker", new CuratorTracker()),
          Map.entry("druid_watches", new DruidWatches()),
          Map.entry("hbase_retry", new HbaseRetry()),
          Map.entry("hdfs_failover", new HdfsFailover()),
          Map.entry("java_api", new JavaApi()),
          Map.entry("java_async", new JavaAsync()),
          Map.entry("java_auth", new JavaAuth()),
          Map.entry("java_chroot", new JavaChroot()),
          Map.entry("java_session", new JavaSession()),
          Map.entry("kafka_broker", new KafkaBroker()),
          Map.entry("kafka_controller", new KafkaController()),
          Map.entry("kafka_migration", new KafkaMigration()),
          Map.entry("kafka_pipeline", new KafkaPipeline()),
          Map.entry("kafka_topics", new KafkaTopics()),
          Map.entry("lock_contender", new LockContender()),
          Map.entry("lock_election", new LockElection()),
          Map.entry("nifi_churn", new NifiChurn()),
          Map.entry("pulsar_metadata", new PulsarMetadata()),
          Map.entry("solr_flink", new SolrFlink()),
          Map.entry("yarn_fencing", new YarnFencing())));

  private Main() {}

  /** Exits with 0 when every check holds, 1 when one fails, 2 on misuse. */
  public static void main(String[] args) {
    if (args.length < 2 || !SCENARIOS.containsKey(args[0])) {
      System.err.println("usage: Main SCENARIO host:port [args]\nscenarios: "
          + String.join(" ", SCENARIOS.keySet()));
      System.exit(2);
    }
    try {
      SCENARIOS.get(args[0])
          .run(args[1], Arrays.copyOfRange(args, 2, args.length));
    } catch (Throwable e) {
      e.printStackTrace();
      System.out.println("FAILED " + args[0] + ": " + e.getMessage());
      System.exit(1);
    }
    System.out.println("PASSED " + args[0]);
    System.exit(0);
  }
}

package compat;

import java.util.Map;

/** Curator's recipes.  Argument: which. */
final class CuratorRecipes implements Scenario {
  @Override
  public void run(String server, String[] args) throws Exception {
    CuratorLocks locks = new CuratorLocks(server);
    CuratorLeaders leaders = new CuratorLeaders(server);
    CuratorData data = new CuratorData(server);
    CuratorApi api = new CuratorApi(server);
    Map<String, Check.Action> recipes = Map.ofEntries(
        Map.entry("mutex", locks::mutex),
        Map.entry("read_write_lock", locks::readWriteLock),
        Map.entry("semaphore", locks::semaphore),
        Map.entry("protected_names", locks::protectedNames),
        Map.entry("leader_latch", leaders::leaderLatch),
        Map.entry("leader_selector", leaders::leaderSelector),
        Map.entry("barriers", leaders::barriers),
        Map.entry("group_member", leaders::groupMember),
        Map.entry("queues", data::queues),
        Map.entry("counters", data::counters),
        Map.entry("caches", data::caches),
        Map.entry("api", api::framework),
        Map.entry("async", api::async));
    Check.require(recipes.containsKey(args[0]), "a recipe of "
        + recipes.keySet());
    recipes.get(args[0]).run();
  }
}

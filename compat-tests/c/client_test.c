/* What a C program sees of the server, through libzookeeper_mt.

   `client_test list` prints the names of the tests; `client_test NAME HOSTS`
   runs one on a server with an empty tree.  Exits with 0 when it passed;
   prints the place and what was believed when it did not. */

#define THREADED
#include "connect.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(condition)                                               \
  do {                                                                  \
    if (!(condition)) {                                                 \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                          \
    }                                                                   \
  } while (0)

#define EXPECT_RC(expected, call)                                       \
  do {                                                                  \
    const int rc_ = (call);                                             \
    if (rc_ != (expected)) {                                            \
      fprintf(stderr, "%s:%d: %s: %s instead of %s\n", __FILE__,        \
              __LINE__, #call, zerror(rc_), zerror(expected));          \
      exit(1);                                                          \
    }                                                                   \
  } while (0)

static const char *hosts;
static const struct ACL_vector *const kOpen = &ZOO_OPEN_ACL_UNSAFE;

static zhandle_t *MustConnect(Session *session) {
  zhandle_t *zh = Connect(hosts, 10000, NULL, session);
  EXPECT(zh != NULL);
  return zh;
}

static void MustCreate(zhandle_t *zh, const char *path, int mode) {
  EXPECT_RC(ZOK, zoo_create(zh, path, "", 0, kOpen, mode, NULL, 0));
}

/* Checks the data of `path`; NULL means a node with null data. */
static void ExpectData(zhandle_t *zh, const char *path, const char *data) {
  char buffer[256];
  int length = sizeof buffer;
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_get(zh, path, 0, buffer, &length, &stat));
  if (data == NULL) {
    EXPECT(length == -1);
    return;
  }
  EXPECT(length == (int)strlen(data));
  EXPECT(memcmp(buffer, data, strlen(data)) == 0);
  EXPECT(stat.dataLength == length);
}

/* ---- Nodes ---- */

static void TestCreate(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  char path[64];
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_create(zh, "/n", "data", 4, kOpen, ZOO_PERSISTENT, path,
                            sizeof path));
  EXPECT(strcmp(path, "/n") == 0);
  ExpectData(zh, "/n", "data");
  EXPECT_RC(ZNODEEXISTS, zoo_create(zh, "/n", "", 0, kOpen, 0, NULL, 0));
  EXPECT_RC(ZNONODE, zoo_create(zh, "/x/y", "", 0, kOpen, 0, NULL, 0));
  EXPECT_RC(ZOK, zoo_create2(zh, "/n/s-", "12", 2, kOpen,
                             ZOO_PERSISTENT_SEQUENTIAL, path, sizeof path,
                             &stat));
  EXPECT(strcmp(path, "/n/s-0000000000") == 0);
  EXPECT(stat.czxid == stat.mzxid && stat.czxid == stat.pzxid);
  EXPECT(stat.dataLength == 2 && stat.version == 0);
  EXPECT(stat.ephemeralOwner == 0);
  EXPECT_RC(ZOK, zoo_create2(zh, "/n/e-", "", 0, kOpen,
                             ZOO_EPHEMERAL_SEQUENTIAL, path, sizeof path,
                             &stat));
  EXPECT(strcmp(path, "/n/e-0000000001") == 0);
  EXPECT(stat.ephemeralOwner == zoo_client_id(zh)->client_id);
  EXPECT_RC(ZNOCHILDRENFOREPHEMERALS,
            zoo_create(zh, "/n/e-0000000001/c", "", 0, kOpen, 0, NULL, 0));
  zookeeper_close(zh);
}

static void TestNullData(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  EXPECT_RC(ZOK, zoo_create(zh, "/null", NULL, -1, kOpen, 0, NULL, 0));
  EXPECT_RC(ZOK, zoo_create(zh, "/empty", "", 0, kOpen, 0, NULL, 0));
  ExpectData(zh, "/null", NULL);
  ExpectData(zh, "/empty", "");
  EXPECT_RC(ZOK, zoo_set(zh, "/empty", NULL, -1, -1));
  ExpectData(zh, "/empty", NULL);
  zookeeper_close(zh);
}

/* Containers and TTL nodes; the server sweeps every 200 ms. */
static void TestContainerAndTtl(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  char path[64];
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_create2(zh, "/c", "", 0, kOpen, ZOO_CONTAINER, path,
                             sizeof path, &stat));
  EXPECT(stat.ephemeralOwner == 0);
  MustCreate(zh, "/c/child", ZOO_PERSISTENT);
  EXPECT_RC(ZOK, zoo_create2_ttl(zh, "/t-", "x", 1, kOpen,
                                 ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 500,
                                 path, sizeof path, &stat));
  EXPECT(strcmp(path, "/t-0000000001") == 0);
  EXPECT(stat.ephemeralOwner == 0);
  EXPECT_RC(ZOK, zoo_create_ttl(zh, "/t", "x", 1, kOpen,
                                ZOO_PERSISTENT_WITH_TTL, 500, NULL, 0));
  EXPECT_RC(ZBADARGUMENTS,
            zoo_create_ttl(zh, "/bad", "x", 1, kOpen,
                           ZOO_PERSISTENT_WITH_TTL, 0, NULL, 0));
  EXPECT_RC(ZOK, zoo_delete(zh, "/c/child", -1));
  zookeeper_close(zh);
}

static void OnEvent(zhandle_t *zh, int type, int state, const char *path,
                    void *context);

/* The nodes that TestContainerAndTtl left behind go away. */
static void TestSweptNodes(void) {
  static const char *const paths[] = {"/c", "/t-0000000001", "/t"};
  TestContainerAndTtl();
  Session session;
  zhandle_t *zh = MustConnect(&session);
  for (int i = 0; i < 3; ++i) {
    int deleted[4] = {0};
    struct Stat stat;
    const int rc = zoo_wexists(zh, paths[i], OnEvent, deleted, &stat);
    EXPECT(rc == ZOK || rc == ZNONODE);
    if (rc == ZNONODE) continue;
    EXPECT(WaitFor(&deleted[1], 1, WAIT_SECONDS) == 0);
  }
  zookeeper_close(zh);
}

static void TestVersions(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  struct Stat stat;
  MustCreate(zh, "/v", ZOO_PERSISTENT);
  EXPECT_RC(ZOK, zoo_set2(zh, "/v", "1", 1, 0, &stat));
  EXPECT(stat.version == 1 && stat.mzxid > stat.czxid);
  EXPECT_RC(ZBADVERSION, zoo_set(zh, "/v", "2", 1, 0));
  EXPECT_RC(ZBADVERSION, zoo_delete(zh, "/v", 0));
  MustCreate(zh, "/v/c", ZOO_PERSISTENT);
  EXPECT_RC(ZNOTEMPTY, zoo_delete(zh, "/v", 1));
  EXPECT_RC(ZOK, zoo_delete(zh, "/v/c", -1));
  EXPECT_RC(ZOK, zoo_exists(zh, "/v", 0, &stat));
  EXPECT(stat.cversion == 2 && stat.numChildren == 0);
  EXPECT_RC(ZOK, zoo_delete(zh, "/v", 1));
  EXPECT_RC(ZNONODE, zoo_delete(zh, "/v", -1));
  EXPECT_RC(ZNONODE, zoo_exists(zh, "/v", 0, &stat));
  EXPECT_RC(ZNONODE, zoo_set(zh, "/v", "", 0, -1));
  zookeeper_close(zh);
}

static void TestChildren(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  MustCreate(zh, "/p", ZOO_PERSISTENT);
  for (int i = 0; i < 100; ++i) {
    char path[32];
    snprintf(path, sizeof path, "/p/%02d", i);
    MustCreate(zh, path, ZOO_PERSISTENT);
  }
  struct String_vector names;
  struct Stat stat, same;
  EXPECT_RC(ZOK, zoo_get_children2(zh, "/p", 0, &names, &stat));
  EXPECT_RC(ZOK, zoo_exists(zh, "/p", 0, &same));
  EXPECT(stat.czxid == same.czxid && stat.pzxid == same.pzxid);
  EXPECT(stat.cversion == 100 && same.cversion == 100);
  EXPECT(names.count == 100 && stat.numChildren == 100);
  int seen[100] = {0};
  for (int i = 0; i < names.count; ++i) ++seen[atoi(names.data[i])];
  for (int i = 0; i < 100; ++i) EXPECT(seen[i] == 1);
  deallocate_String_vector(&names);
  EXPECT_RC(ZOK, zoo_get_children(zh, "/p/00", 0, &names));
  EXPECT(names.count == 0);
  deallocate_String_vector(&names);
  EXPECT_RC(ZNONODE, zoo_get_children(zh, "/none", 0, &names));
  zookeeper_close(zh);
}

/* ---- Watches ---- */

/* Counts events by type: context[0] created, [1] deleted, [2] changed,
   [3] child. */
static void OnEvent(zhandle_t *zh, int type, int state, const char *path,
                    void *context) {
  (void)zh;
  (void)state;
  (void)path;
  int *counts = context;
  if (type >= 1 && type <= 4) Raise(&counts[type - 1]);
}

static void TestWatches(void) {
  Session session, other_session;
  zhandle_t *zh = MustConnect(&session);
  zhandle_t *other = MustConnect(&other_session);
  int exists[4] = {0}, data[4] = {0}, child[4] = {0};
  char buffer[8];
  int length = sizeof buffer;
  struct String_vector names;
  struct Stat stat;
  EXPECT_RC(ZNONODE, zoo_wexists(zh, "/w", OnEvent, exists, &stat));
  MustCreate(other, "/w", ZOO_PERSISTENT);
  EXPECT(WaitFor(&exists[0], 1, WAIT_SECONDS) == 0);

  EXPECT_RC(ZOK, zoo_wget(zh, "/w", OnEvent, data, buffer, &length, &stat));
  EXPECT_RC(ZOK, zoo_wget_children2(zh, "/w", OnEvent, child, &names, &stat));
  deallocate_String_vector(&names);
  EXPECT_RC(ZOK, zoo_set(other, "/w", "1", 1, -1));
  EXPECT(WaitFor(&data[2], 1, WAIT_SECONDS) == 0);
  MustCreate(other, "/w/c", ZOO_PERSISTENT);
  EXPECT(WaitFor(&child[3], 1, WAIT_SECONDS) == 0);

  EXPECT_RC(ZOK, zoo_wexists(zh, "/w/c", OnEvent, exists, &stat));
  EXPECT_RC(ZOK, zoo_delete(other, "/w/c", -1));
  EXPECT(WaitFor(&exists[1], 1, WAIT_SECONDS) == 0);
  EXPECT_RC(ZOK, zoo_set(other, "/w", "2", 1, -1));

  /* One-shot: a read of this session comes after all its events. */
  EXPECT_RC(ZOK, zoo_exists(zh, "/w", 0, &stat));
  EXPECT(exists[0] == 1 && exists[1] == 1 && exists[2] == 0);
  EXPECT(data[2] == 1 && data[1] == 0 && child[3] == 1 && child[1] == 0);
  zookeeper_close(other);
  zookeeper_close(zh);
}

static void TestRemoveWatches(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  int first[4] = {0}, second[4] = {0};
  struct Stat stat;
  struct String_vector names;
  MustCreate(zh, "/r", ZOO_PERSISTENT);
  EXPECT_RC(ZNOWATCHER, zoo_remove_watches(zh, "/r", ZWATCHTYPE_DATA, OnEvent,
                                           first, 0));
  EXPECT_RC(ZOK, zoo_wexists(zh, "/r", OnEvent, first, &stat));
  EXPECT_RC(ZOK, zoo_wexists(zh, "/r", OnEvent, second, &stat));
  EXPECT_RC(ZOK, zoo_wget_children2(zh, "/r", OnEvent, first, &names, &stat));
  deallocate_String_vector(&names);
  EXPECT_RC(ZOK, zoo_remove_watches(zh, "/r", ZWATCHTYPE_DATA, OnEvent, first,
                                    0));
  EXPECT_RC(ZOK, zoo_set(zh, "/r", "1", 1, -1));
  EXPECT(WaitFor(&second[2], 1, WAIT_SECONDS) == 0);
  EXPECT(first[2] == 0);
  EXPECT_RC(ZOK, zoo_remove_all_watches(zh, "/r", ZWATCHTYPE_ANY, 0));
  MustCreate(zh, "/r/c", ZOO_PERSISTENT);
  EXPECT_RC(ZOK, zoo_exists(zh, "/r", 0, &stat));
  EXPECT(first[3] == 0);
  EXPECT_RC(ZNOWATCHER, zoo_remove_all_watches(zh, "/r", ZWATCHTYPE_ANY, 0));
  zookeeper_close(zh);
}

/* ---- Multi ---- */

static void TestMulti(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  MustCreate(zh, "/m", ZOO_PERSISTENT);
  zoo_op_t ops[5];
  zoo_op_result_t results[5];
  char a[32], s[32];
  struct Stat set, stat;
  zoo_check_op_init(&ops[0], "/m", 0);
  zoo_create_op_init(&ops[1], "/m/a", "1", 1, kOpen, ZOO_PERSISTENT, a,
                     sizeof a);
  zoo_create_op_init(&ops[2], "/m/s-", NULL, -1, kOpen,
                     ZOO_EPHEMERAL_SEQUENTIAL, s, sizeof s);
  zoo_set_op_init(&ops[3], "/m", "2", 1, 0, &set);
  zoo_delete_op_init(&ops[4], "/m/a", 0);
  EXPECT_RC(ZOK, zoo_multi(zh, 5, ops, results));
  for (int i = 0; i < 5; ++i) EXPECT(results[i].err == ZOK);
  EXPECT(strcmp(a, "/m/a") == 0 && strcmp(s, "/m/s-0000000001") == 0);
  EXPECT_RC(ZOK, zoo_exists(zh, "/m", 0, &stat));
  EXPECT(set.version == 1 && set.mzxid == stat.pzxid);
  EXPECT(stat.cversion == 3 && stat.numChildren == 1);
  ExpectData(zh, s, NULL);
  zookeeper_close(zh);
}

static void TestFailedMulti(void) {
  Session session;
  zhandle_t *zh = MustConnect(&session);
  MustCreate(zh, "/m", ZOO_PERSISTENT);
  zoo_op_t ops[4];
  zoo_op_result_t results[4];
  zoo_create_op_init(&ops[0], "/m/a", "", 0, kOpen, 0, NULL, 0);
  zoo_set_op_init(&ops[1], "/m", "2", 1, -1, NULL);
  zoo_delete_op_init(&ops[2], "/m/none", -1);
  zoo_check_op_init(&ops[3], "/m", 0);
  EXPECT_RC(ZNONODE, zoo_multi(zh, 4, ops, results));
  EXPECT(results[0].err == ZOK && results[1].err == ZOK);
  EXPECT(results[2].err == ZNONODE);
  EXPECT(results[3].err == ZRUNTIMEINCONSISTENCY);
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_exists(zh, "/m", 0, &stat));
  EXPECT(stat.version == 0 && stat.cversion == 0);
  zookeeper_close(zh);
}

typedef struct {
  int done;
  int rc;
} Completion;

static void OnVoid(int rc, const void *context) {
  Completion *completion = (Completion *)context;
  completion->rc = rc;
  Raise(&completion->done);
}

/* A thousand multis in flight; each relies on the one before. */
static void TestAsynchronousMulti(void) {
  enum { kCount = 1000 };
  Session session;
  zhandle_t *zh = MustConnect(&session);
  MustCreate(zh, "/m", ZOO_PERSISTENT);
  static zoo_op_t ops[kCount][3];
  static zoo_op_result_t results[kCount][3];
  static Completion completions[kCount];
  static char paths[kCount][32];
  static struct Stat stats[kCount];
  for (int i = 0; i < kCount; ++i) {
    snprintf(paths[i], sizeof paths[i], "/m/%d", i);
    zoo_check_op_init(&ops[i][0], "/m", i);
    zoo_set_op_init(&ops[i][1], "/m", "x", 1, i, &stats[i]);
    zoo_create_op_init(&ops[i][2], paths[i], "", 0, kOpen, 0, NULL, 0);
    EXPECT_RC(ZOK, zoo_amulti(zh, 3, ops[i], results[i], OnVoid,
                              &completions[i]));
  }
  for (int i = 0; i < kCount; ++i) {
    EXPECT(WaitFor(&completions[i].done, 1, WAIT_SECONDS) == 0);
    EXPECT_RC(ZOK, completions[i].rc);
    EXPECT(stats[i].version == i + 1);
    EXPECT(i == 0 || stats[i].mzxid > stats[i - 1].mzxid);
  }
  zookeeper_close(zh);
}

/* ---- Asynchronous calls ---- */

static int next_expected;
static int answered;

static void OnStat(int rc, const char *path, const struct Stat *stat,
                   const void *context) {
  (void)path;
  (void)stat;
  EXPECT_RC(ZOK, rc);
  EXPECT((long)context == next_expected++);
  Raise(&answered);
}

static void OnCreated(int rc, const char *path, const void *context) {
  EXPECT_RC(ZOK, rc);
  EXPECT(path[0] == '/');
  EXPECT((long)context == next_expected++);
  Raise(&answered);
}

static void OnNode(int rc, const struct Stat *stat, const void *context) {
  OnStat(rc, NULL, stat, context);
}

static void TestAsynchronousOrder(void) {
  enum { kCount = 2000 };
  Session session;
  zhandle_t *zh = MustConnect(&session);
  long call = 0;
  for (int i = 0; i < kCount; ++i) {
    char path[32];
    snprintf(path, sizeof path, "/a%d", i);
    EXPECT_RC(ZOK, zoo_acreate(zh, path, "", 0, kOpen, 0, OnCreated,
                               (void *)call++));
    EXPECT_RC(ZOK, zoo_aset(zh, path, "x", 1, 0, OnNode, (void *)call++));
    EXPECT_RC(ZOK, zoo_aexists(zh, path, 0, OnNode, (void *)call++));
    EXPECT_RC(ZOK, zoo_async(zh, path, OnCreated, (void *)call++));
  }
  EXPECT(WaitFor(&answered, 4 * kCount, 2 * WAIT_SECONDS) == 0);
  zookeeper_close(zh);
}

/* ---- ACLs ---- */

static void Authenticate(zhandle_t *zh, const char *credentials, int expected) {
  Completion completion = {0};
  EXPECT_RC(ZOK, zoo_add_auth(zh, "digest", credentials,
                              (int)strlen(credentials), OnVoid, &completion));
  EXPECT(WaitFor(&completion.done, 1, WAIT_SECONDS) == 0);
  EXPECT_RC(expected, completion.rc);
}

static void TestAcl(void) {
  Session session, other_session;
  zhandle_t *zh = MustConnect(&session);
  zhandle_t *other = MustConnect(&other_session);
  EXPECT_RC(ZINVALIDACL, zoo_create(zh, "/n", "", 0, &ZOO_CREATOR_ALL_ACL, 0,
                                    NULL, 0));
  Authenticate(zh, "user1:pass1", ZOK);
  EXPECT_RC(ZOK, zoo_create(zh, "/n", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL,
                            0));
  struct ACL_vector acl;
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_get_acl(zh, "/n", &acl, &stat));
  EXPECT(acl.count == 1 && acl.data[0].perms == ZOO_PERM_ALL);
  EXPECT(strcmp(acl.data[0].id.scheme, "digest") == 0);
  EXPECT(strcmp(acl.data[0].id.id, "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ=") == 0);
  deallocate_ACL_vector(&acl);

  char buffer[8];
  int length = sizeof buffer;
  EXPECT_RC(ZNOAUTH, zoo_get(other, "/n", 0, buffer, &length, NULL));
  EXPECT_RC(ZNOAUTH, zoo_set(other, "/n", "", 0, -1));
  EXPECT_RC(ZNOAUTH, zoo_create(other, "/n/c", "", 0, kOpen, 0, NULL, 0));
  EXPECT_RC(ZNOAUTH, zoo_set_acl(other, "/n", -1, kOpen));
  EXPECT_RC(ZBADVERSION, zoo_set_acl(zh, "/n", 5, &ZOO_READ_ACL_UNSAFE));
  EXPECT_RC(ZOK, zoo_set_acl(zh, "/n", 0, &ZOO_READ_ACL_UNSAFE));
  ExpectData(other, "/n", "x");
  EXPECT_RC(ZNOAUTH, zoo_set(zh, "/n", "", 0, -1));
  EXPECT_RC(ZOK, zoo_exists(zh, "/n", 0, &stat));
  EXPECT(stat.aversion == 1 && stat.version == 0);
  zookeeper_close(other);
  zookeeper_close(zh);
}

/* ---- Sessions ---- */

/* Runs a process that makes the ephemeral /e and dies without closing its
   session.  Returns the session. */
static clientid_t LeaveSession(void) {
  int ends[2];
  EXPECT(pipe(ends) == 0);
  const pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    Session session;
    zhandle_t *zh = MustConnect(&session);
    MustCreate(zh, "/e", ZOO_EPHEMERAL);
    const ssize_t size = sizeof(clientid_t);
    _exit(write(ends[1], zoo_client_id(zh), size) == size ? 0 : 1);
  }
  clientid_t id;
  int status;
  EXPECT(read(ends[0], &id, sizeof id) == sizeof id);
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  close(ends[0]);
  close(ends[1]);
  return id;
}

static void TestReattach(void) {
  const clientid_t id = LeaveSession();
  Session session, other_session, late_session = {0};
  zhandle_t *zh = Connect(hosts, 10000, &id, &session);
  EXPECT(zh != NULL);
  EXPECT(zoo_client_id(zh)->client_id == id.client_id);
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_exists(zh, "/e", 0, &stat));
  EXPECT(stat.ephemeralOwner == id.client_id);
  EXPECT_RC(ZOK, zoo_set(zh, "/e", "mine", 4, 0));
  zookeeper_close(zh); /* Closes the session. */
  zhandle_t *other = MustConnect(&other_session);
  EXPECT_RC(ZNONODE, zoo_exists(other, "/e", 0, &stat));
  zhandle_t *late =
      zookeeper_init(hosts, OnSession, 10000, &id, &late_session, 0);
  EXPECT(late != NULL);
  EXPECT(WaitFor(&late_session.expired, 1, WAIT_SECONDS) == 0);
  EXPECT(is_unrecoverable(late) == ZINVALIDSTATE);
  zookeeper_close(late);
  zookeeper_close(other);
}

static void TestUnknownSessionExpires(void) {
  const clientid_t id = {.client_id = 0x1234567, .passwd = "0123456789abcde"};
  Session session = {0};
  zhandle_t *zh = zookeeper_init(hosts, OnSession, 10000, &id, &session, 0);
  EXPECT(zh != NULL);
  EXPECT(WaitFor(&session.expired, 1, WAIT_SECONDS) == 0);
  EXPECT(session.connected == 0);
  zookeeper_close(zh);
}

static void TestChroot(void) {
  Session session, inner_session;
  zhandle_t *zh = MustConnect(&session);
  MustCreate(zh, "/app", ZOO_PERSISTENT);
  char address[128];
  snprintf(address, sizeof address, "%s/app", hosts);
  zhandle_t *inner = Connect(address, 10000, NULL, &inner_session);
  EXPECT(inner != NULL);
  char path[32];
  EXPECT_RC(ZOK, zoo_create(inner, "/n", "1", 1, kOpen, 0, path, sizeof path));
  EXPECT(strcmp(path, "/n") == 0);
  ExpectData(zh, "/app/n", "1");
  zookeeper_close(inner);
  zookeeper_close(zh);
}

/* An idle client lives through several time-outs by its pings alone. */
static void TestPings(void) {
  Session session;
  zhandle_t *zh = Connect(hosts, 1000, NULL, &session);
  EXPECT(zh != NULL);
  EXPECT(zoo_recv_timeout(zh) == 1000);
  MustCreate(zh, "/e", ZOO_EPHEMERAL);
  EXPECT(WaitFor(&session.expired, 1, 4) == -1);
  struct Stat stat;
  EXPECT_RC(ZOK, zoo_exists(zh, "/e", 0, &stat));
  EXPECT(session.connected == 1);
  zookeeper_close(zh);
}

/* ---- Table ---- */

static const struct {
  const char *name;
  void (*run)(void);
} kTests[] = {
    {"create", TestCreate},
    {"null_data", TestNullData},
    {"swept_nodes", TestSweptNodes},
    {"versions", TestVersions},
    {"children", TestChildren},
    {"watches", TestWatches},
    {"remove_watches", TestRemoveWatches},
    {"multi", TestMulti},
    {"failed_multi", TestFailedMulti},
    {"asynchronous_multi", TestAsynchronousMulti},
    {"asynchronous_order", TestAsynchronousOrder},
    {"acl", TestAcl},
    {"reattach", TestReattach},
    {"unknown_session_expires", TestUnknownSessionExpires},
    {"chroot", TestChroot},
    {"pings", TestPings},
};

int main(int argc, char **argv) {
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  const int count = sizeof kTests / sizeof kTests[0];
  for (int i = 0; i < count; ++i) {
    if (argc == 2 && strcmp(argv[1], "list") == 0) puts(kTests[i].name);
    if (argc == 3 && strcmp(argv[1], kTests[i].name) == 0) {
      hosts = argv[2];
      kTests[i].run();
      return 0;
    }
  }
  return argc == 2 ? 0 : 2;
}

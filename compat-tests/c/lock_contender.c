/* A contender for a lock, as a process of its own.

   `lock_contender HOSTS PATH NAME RESOURCE_PORT` takes the lock at PATH again
   and again until it is killed.  While it holds the lock it sends `enter NAME
   TOKEN` and `leave NAME TOKEN` to the resource on 127.0.0.1 and waits for a
   line after each; TOKEN is the czxid of its lock node.  Whatever goes wrong
   with its session, it starts over with a new one. */

#define THREADED
#include "connect.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const int kSessionMs = 3000;

static FILE *ConnectResource(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("resource");
    exit(1);
  }
  return fdopen(fd, "r+");
}

/* Sends a line and waits for the answer, whatever it is. */
static void Tell(FILE *resource, const char *what, const char *name,
                 int64_t token) {
  char answer[64];
  fprintf(resource, "%s %s %lld\n", what, name, (long long)token);
  fflush(resource);
  if (fgets(answer, sizeof answer, resource) == NULL) exit(0);
  fseek(resource, 0, SEEK_CUR);
}

static const char *Number(const char *node) {
  return node + strlen(node) - 10;
}

/* Copies the last node before `mine` to `before`; empty when there is none. */
static int FindPredecessor(zhandle_t *zh, const char *path, const char *mine,
                           char *before, size_t size) {
  struct String_vector names;
  const int rc = zoo_get_children(zh, path, 0, &names);
  if (rc != ZOK) return rc;
  const char *best = NULL;
  for (int i = 0; i < names.count; ++i) {
    const char *name = names.data[i];
    if (strcmp(Number(name), Number(mine)) >= 0) continue;
    if (best == NULL || strcmp(Number(name), Number(best)) > 0) best = name;
  }
  before[0] = '\0';
  if (best != NULL) snprintf(before, size, "%s/%s", path, best);
  deallocate_String_vector(&names);
  return ZOK;
}

static void OnGone(zhandle_t *zh, int type, int state, const char *path,
                   void *context) {
  (void)zh;
  (void)type;
  (void)state;
  (void)path;
  Raise(context);
}

/* Waits until the node made as `mine` is the first.  A session event wakes it
   too: then it looks again, and finds out what it meant. */
static int WaitTurn(zhandle_t *zh, const char *path, const char *mine) {
  /* A late event may still come when this has returned. */
  static int woken;
  for (;;) {
    char before[256];
    struct Stat stat;
    int rc = FindPredecessor(zh, path, mine, before, sizeof before);
    if (rc != ZOK || before[0] == '\0') return rc;
    pthread_mutex_lock(&mutex);
    const int seen = woken;
    pthread_mutex_unlock(&mutex);
    rc = zoo_wexists(zh, before, OnGone, &woken, &stat);
    if (rc == ZNONODE) continue;
    if (rc != ZOK) return rc;
    while (WaitFor(&woken, seen + 1, WAIT_SECONDS) != 0) {
      if (is_unrecoverable(zh)) return ZINVALIDSTATE;
    }
  }
}

static int TakeTurn(zhandle_t *zh, const char *path, const char *name,
                    FILE *resource) {
  char prefix[128], mine[256];
  struct Stat stat;
  snprintf(prefix, sizeof prefix, "%s/%s__c__", path, name);
  int rc = zoo_create2(zh, prefix, name, (int)strlen(name),
                       &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, mine,
                       sizeof mine, &stat);
  if (rc == ZOK) rc = WaitTurn(zh, path, mine);
  if (rc != ZOK) return rc;
  Tell(resource, "enter", name, stat.czxid);
  Tell(resource, "leave", name, stat.czxid);
  return zoo_delete(zh, mine, -1);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
  FILE *resource = ConnectResource(atoi(argv[4]));
  for (;;) {
    /* Not on the stack: the client may still call back while it closes. */
    Session *session = calloc(1, sizeof *session);
    zhandle_t *zh = Connect(argv[1], kSessionMs, NULL, session);
    while (zh != NULL && TakeTurn(zh, argv[2], argv[3], resource) == ZOK) {
    }
    if (zh != NULL) zookeeper_close(zh);
    free(session);
  }
}

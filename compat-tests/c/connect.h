/* Connecting with the C client, for the programs of this folder.

   THREADED must be defined before: it selects the synchronous API. */

#ifndef PADDOCK_COMPAT_TESTS_C_CONNECT_H_
#define PADDOCK_COMPAT_TESTS_C_CONNECT_H_

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define WAIT_SECONDS 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Waits until *flag is at least `value`.  Returns 0, or -1 when it never is. */
static inline int WaitFor(const int *flag, int value, int seconds) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += seconds;
  int rc = 0;
  pthread_mutex_lock(&mutex);
  while (*flag < value && rc == 0) {
    rc = pthread_cond_timedwait(&changed, &mutex, &deadline);
  }
  rc = *flag >= value ? 0 : -1;
  pthread_mutex_unlock(&mutex);
  return rc;
}

static inline void Raise(int *flag) {
  pthread_mutex_lock(&mutex);
  ++*flag;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

/* What a session's own watcher has seen. */
typedef struct {
  int connected; /* How often */
  int expired;
} Session;

static inline void OnSession(zhandle_t *zh, int type, int state,
                             const char *path, void *context) {
  (void)zh;
  (void)path;
  Session *session = context;
  if (type != ZOO_SESSION_EVENT) return;
  if (state == ZOO_CONNECTED_STATE) Raise(&session->connected);
  if (state == ZOO_EXPIRED_SESSION_STATE) Raise(&session->expired);
}

/* Returns a connected handle, or NULL.  `id` may be NULL for a new session. */
static inline zhandle_t *Connect(const char *hosts, int timeout_ms,
                                 const clientid_t *id, Session *session) {
  memset(session, 0, sizeof *session);
  zhandle_t *zh = zookeeper_init(hosts, OnSession, timeout_ms, id, session, 0);
  if (zh == NULL) return NULL;
  if (WaitFor(&session->connected, 1, WAIT_SECONDS) == 0) return zh;
  zookeeper_close(zh);
  return NULL;
}

#endif /* PADDOCK_COMPAT_TESTS_C_CONNECT_H_ */

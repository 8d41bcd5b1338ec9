/* Preloaded into a server, makes its disk fail or stall and its wall clock
 * jump.  A test says what by writing to the file that PADDOCK_FAULTS names,
 * which both have mapped: see faults.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct control {
  volatile int64_t sync_error;   /* errno of every sync; 0: none */
  volatile int64_t write_error;  /* Likewise of everything that writes */
  volatile int64_t stall;        /* Syncs wait until it is 0 */
  volatile int64_t clock_offset; /* Seconds added to the wall clock */
  volatile int64_t stalled;      /* Syncs that wait now */
};

static struct control healthy;
static struct control *control = &healthy;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("PADDOCK_FAULTS");
  int fd = path ? REAL(open)(path, O_RDWR) : -1;
  if (fd < 0) abort();
  void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED,
                  fd, 0);
  if (at == MAP_FAILED) abort();
  close(fd);
  control = at;
}

/* Returns 0, or -1 with errno. */
static int fail(int64_t error) {
  errno = (int)error;
  return error == 0 ? 0 : -1;
}

static int before_sync(void) {
  if (control->stall) {
    __atomic_add_fetch(&control->stalled, 1, __ATOMIC_SEQ_CST);
    while (control->stall) poll(NULL, 0, 5);
    __atomic_sub_fetch(&control->stalled, 1, __ATOMIC_SEQ_CST);
  }
  return fail(control->sync_error);
}

int fdatasync(int fd) { return before_sync() ? -1 : REAL(fdatasync)(fd); }

int fsync(int fd) { return before_sync() ? -1 : REAL(fsync)(fd); }

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  return fail(control->write_error) ? -1
                                    : REAL(pwrite)(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  return fail(control->write_error) ? -1
                                    : REAL(pwrite64)(fd, bytes, size, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return fail(control->write_error) ? -1
                                    : REAL(fallocate)(fd, mode, offset, size);
}

int ftruncate(int fd, off_t size) {
  return fail(control->write_error) ? -1 : REAL(ftruncate)(fd, size);
}

static int open_with(int (*real)(const char *, int, ...), const char *path,
                     int flags, mode_t mode) {
  if ((flags & O_CREAT) && fail(control->write_error)) return -1;
  return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_with(REAL(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_with(REAL(open64), path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = REAL(clock_gettime)(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME)
    now->tv_sec += control->clock_offset;
  return result;
}

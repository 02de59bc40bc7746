/*
 * Preloaded into the program's processes: while the file named by LAZYSYNC_FAULT holds "ERRNO PREFIX", every call that looks
 * at or changes something at or below PREFIX fails with that errno. So a disk that fails, and a folder without permission for
 * root, too. "ERRNOw PREFIX": only what takes up space fails, so a quota that is used up.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long (*real_syscall)(long, ...);

static void ready(void) {
  if (!real_syscall) real_syscall = dlsym(RTLD_NEXT, "syscall");
}

/* What a path of the program means: it works through /proc/self/fd/N/NAME, or a descriptor and a name. */
static void resolve(int dir, const char *path, char *into) {
  char head[64], link[PATH_MAX];
  const char *rest = path;
  into[0] = 0;
  if (!strncmp(path, "/proc/self/fd/", 14)) {
    rest = strchr(path + 14, '/');
    int length = rest ? (int)(rest - path) : (int)strlen(path);
    snprintf(head, sizeof head, "%.*s", length, path);
    if (!rest) rest = "";
  } else if (path[0] != '/' && dir >= 0) {
    snprintf(head, sizeof head, "/proc/self/fd/%d", dir);
  } else {
    snprintf(into, PATH_MAX, "%s", path);
    return;
  }
  ssize_t got = real_syscall(SYS_readlinkat, AT_FDCWD, head, link, sizeof link - 1);
  if (got < 0) return;
  link[got] = 0;
  snprintf(into, PATH_MAX, "%s%s%s", link, rest[0] && rest[0] != '/' ? "/" : "", rest);
}

static int fails_if(int dir, const char *path, int takes) {
  ready();
  const char *file = getenv("LAZYSYNC_FAULT");
  if (!file || !path) return 0;
  int fd = real_syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[PATH_MAX + 32];
  ssize_t got = real_syscall(SYS_read, fd, text, sizeof text - 1);
  real_syscall(SYS_close, fd);
  if (got <= 0) return 0;
  text[got] = 0;
  char *space = strchr(text, ' ');
  if (!space || (space > text && space[-1] == 'w' && !takes)) return 0;
  char *prefix = space + 1;
  prefix[strcspn(prefix, "\n")] = 0;
  char full[PATH_MAX];
  resolve(dir, path, full);
  size_t length = strlen(prefix);
  if (strncmp(full, prefix, length) || (full[length] && full[length] != '/')) return 0;
  return atoi(text);
}

static int fails(int dir, const char *path) { return fails_if(dir, path, 0); }

/* Every write asks: only descriptors of files can lead to PREFIX. */
static int write_fails(int fd) {
  char self[64];
  if (!getenv("LAZYSYNC_FAULT")) return 0;
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  return fails_if(-1, self, 1);
}

#define FAIL(dir, path)                   \
  do {                                    \
    int broken = fails(dir, path);        \
    if (broken) {                         \
      errno = broken;                     \
      return -1;                          \
    }                                     \
  } while (0)
#define FAIL_TAKING(dir, path)            \
  do {                                    \
    int broken = fails_if(dir, path, 1);  \
    if (broken) {                         \
      errno = broken;                     \
      return -1;                          \
    }                                     \
  } while (0)
#define FAIL_WRITE(fd)                    \
  do {                                    \
    int broken = write_fails(fd);         \
    if (broken) {                         \
      errno = broken;                     \
      return -1;                          \
    }                                     \
  } while (0)
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

long syscall(long number, ...) {
  ready();
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (number == SYS_statx || number == SYS_openat2 || number == SYS_renameat2) FAIL((int)a, (const char *)b);
  return real_syscall(number, a, b, c, d, e, f);
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  int mode = va_arg(list, int);
  va_end(list);
  if (flags & O_CREAT) FAIL_TAKING(-1, path);
  else FAIL(-1, path);
  return REAL(open64)(path, flags, mode);
}
int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  int mode = va_arg(list, int);
  va_end(list);
  if (flags & O_CREAT) FAIL_TAKING(-1, path);
  else FAIL(-1, path);
  return REAL(open)(path, flags, mode);
}
int scandir64(const char *path, struct dirent64 ***names, int (*pick)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  FAIL(-1, path);
  return REAL(scandir64)(path, names, pick, order);
}
int scandir(const char *path, struct dirent ***names, int (*pick)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
  FAIL(-1, path);
  return REAL(scandir)(path, names, pick, order);
}
ssize_t readlink(const char *path, char *into, size_t size) {
  FAIL(-1, path);
  return REAL(readlink)(path, into, size);
}
int mkdir(const char *path, mode_t mode) {
  FAIL_TAKING(-1, path);
  return REAL(mkdir)(path, mode);
}
int rmdir(const char *path) {
  FAIL(-1, path);
  return REAL(rmdir)(path);
}
int unlink(const char *path) {
  FAIL(-1, path);
  return REAL(unlink)(path);
}
int symlink(const char *target, const char *path) {
  FAIL_TAKING(-1, path);
  return REAL(symlink)(target, path);
}
int link(const char *from, const char *to) {
  FAIL(-1, to);
  return REAL(link)(from, to);
}
int rename(const char *from, const char *to) {
  FAIL(-1, to);
  return REAL(rename)(from, to);
}
int chmod(const char *path, mode_t mode) {
  FAIL(-1, path);
  return REAL(chmod)(path, mode);
}
ssize_t write(int fd, const void *bytes, size_t size) {
  FAIL_WRITE(fd);
  return REAL(write)(fd, bytes, size);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  FAIL_WRITE(fd);
  return REAL(pwrite64)(fd, bytes, size, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  FAIL_WRITE(fd);
  return REAL(pwrite)(fd, bytes, size, at);
}

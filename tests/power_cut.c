/* Writes down all that a process does to the files below one folder: to be loaded before the C library (LD_PRELOAD).

   POWER_CUT_FOLDER names the folder, without links in its path, POWER_CUT_JOURNAL the file to append to. Each record is
   a header (struct header below), one or two paths relative to the folder, and bytes; it is written by one call, so
   that several processes may share a journal. tests/power_cut.py reads it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct header {
  uint64_t inode;
  uint64_t place; /* where bytes begin, or a new size */
  uint64_t num_bytes;
  uint16_t path_bytes;
  uint16_t other_bytes;
  uint32_t kind; /* a letter */
};

static char folder[PATH_MAX];
static size_t folder_bytes;
static int journal = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *name = getenv("POWER_CUT_FOLDER"), *to = getenv("POWER_CUT_JOURNAL");
  if (name == NULL || to == NULL || strlen(name) >= sizeof folder) return;
  strcpy(folder, name);
  folder_bytes = strlen(folder);
  const int opened = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  journal = (int)syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 500); /* away from numbers that programs expect */
  syscall(SYS_close, opened);
}

/* Returns what follows the folder in a path; NULL: it is not below it. */
static const char *below(const char *path) {
  if (strncmp(path, folder, folder_bytes) != 0) return NULL;
  if (path[folder_bytes] == '\0') return path + folder_bytes;
  return path[folder_bytes] == '/' ? path + folder_bytes + 1 : NULL;
}

static void note(char kind, uint64_t inode, uint64_t place, const char *path, const char *other, const void *bytes,
                 size_t num_bytes) {
  const struct header header = {inode, place, num_bytes, (uint16_t)strlen(path), (uint16_t)strlen(other), (uint32_t)kind};
  const struct iovec parts[] = {{(void *)&header, sizeof header},
                                {(void *)path, header.path_bytes},
                                {(void *)other, header.other_bytes},
                                {(void *)bytes, num_bytes}};
  const int before = errno;
  if (syscall(SYS_writev, journal, parts, 4) < 0) abort();
  errno = before;
}

/* Finds out what an open file is called, where it lies below the folder. */
static const char *path_of(int number, char *buffer, struct stat *found) {
  if (journal < 0 || fstat(number, found) != 0 || !(S_ISREG(found->st_mode) || S_ISDIR(found->st_mode))) return NULL;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", number);
  const ssize_t size = readlink(link, buffer, PATH_MAX - 1);
  if (size < 0) return NULL;
  buffer[size] = '\0';
  return below(buffer);
}

/* Finds out where a name is, without following it if it is a link. */
static const char *resolved(int at, const char *name, char *buffer) {
  if (journal < 0) return NULL;
  char path[2 * PATH_MAX] = "", above[PATH_MAX];
  if (name[0] != '/' && at != AT_FDCWD) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    const ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return NULL;
    path[size] = '\0';
    strcat(path, "/");
  }
  strncat(path, name, PATH_MAX - 1);
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') path[--end] = '\0';
  char *slash = strrchr(path, '/');
  if (slash != NULL) *slash = '\0';
  if (realpath(slash == NULL ? "." : slash == path ? "/" : path, above) == NULL) return NULL;
  if (snprintf(buffer, PATH_MAX, "%s/%s", above, slash == NULL ? path : slash + 1) >= PATH_MAX) return NULL;
  return below(buffer);
}

/* -- contents -- */

static int opened(int number, int flags, int was_there) {
  char buffer[PATH_MAX];
  struct stat found;
  const char *path = number < 0 || (flags & O_ACCMODE) == O_RDONLY ? NULL : path_of(number, buffer, &found);
  if (path != NULL && !was_there) note('c', found.st_ino, 0, path, "", NULL, 0);
  if (path != NULL && was_there && (flags & O_TRUNC)) note('t', found.st_ino, 0, path, "", NULL, 0);
  return number;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & O_CREAT) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

static int is_there(int at, const char *path) {
  struct stat found;
  const int before = errno, is = fstatat(at, path, &found, 0) == 0;
  errno = before;
  return is;
}

int open(const char *path, int flags, ...) {
  MODE(flags)
  const int was_there = is_there(AT_FDCWD, path);
  return opened(REAL(open)(path, flags, mode), flags, was_there);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  const int was_there = is_there(AT_FDCWD, path);
  return opened(REAL(open64)(path, flags, mode), flags, was_there);
}
int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  const int was_there = is_there(at, path);
  return opened(REAL(openat)(at, path, flags, mode), flags, was_there);
}
int openat64(int at, const char *path, int flags, ...) {
  MODE(flags)
  const int was_there = is_there(at, path);
  return opened(REAL(openat64)(at, path, flags, mode), flags, was_there);
}

static ssize_t wrote(int number, const void *bytes, ssize_t done, off_t place) {
  char buffer[PATH_MAX];
  struct stat found;
  if (done <= 0 || path_of(number, buffer, &found) == NULL) return done;
  if (place < 0) place = lseek(number, 0, SEEK_CUR) - done;
  note('w', found.st_ino, (uint64_t)place, "", "", bytes, (size_t)done);
  return done;
}

ssize_t write(int number, const void *bytes, size_t size) {
  return wrote(number, bytes, REAL(write)(number, bytes, size), -1);
}
ssize_t pwrite(int number, const void *bytes, size_t size, off_t place) {
  return wrote(number, bytes, REAL(pwrite)(number, bytes, size, place), place);
}
ssize_t pwrite64(int number, const void *bytes, size_t size, off_t place) {
  return wrote(number, bytes, REAL(pwrite64)(number, bytes, size, place), place);
}
ssize_t writev(int number, const struct iovec *parts, int count) {
  ssize_t done = 0;
  for (int part = 0; part < count; ++part) {
    const ssize_t size = write(number, parts[part].iov_base, parts[part].iov_len);
    if (size < 0) return done > 0 ? done : -1;
    done += size;
    if ((size_t)size < parts[part].iov_len) break;
  }
  return done;
}

/* NumPy's ``tofile``; what else goes through streams of C is not watched, and would be told as unseen. */
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  const off_t place = journal < 0 ? 0 : ftello(stream);
  const size_t done = REAL(fwrite)(bytes, size, count, stream);
  wrote(fileno(stream), bytes, (ssize_t)(done * size), place);
  return done;
}

static int cut(int number, int status, off_t size) {
  char buffer[PATH_MAX];
  struct stat found;
  if (status == 0 && path_of(number, buffer, &found) != NULL) note('t', found.st_ino, (uint64_t)size, "", "", NULL, 0);
  return status;
}

int ftruncate(int number, off_t size) { return cut(number, REAL(ftruncate)(number, size), size); }
int ftruncate64(int number, off_t size) { return cut(number, REAL(ftruncate64)(number, size), size); }

static int waited(int number, int status) {
  char buffer[PATH_MAX];
  struct stat found;
  const char *path = status == 0 ? path_of(number, buffer, &found) : NULL;
  if (path != NULL) note(S_ISDIR(found.st_mode) ? 'S' : 's', found.st_ino, 0, path, "", NULL, 0);
  return status;
}

int fsync(int number) { return waited(number, REAL(fsync)(number)); }
int fdatasync(int number) { return waited(number, REAL(fdatasync)(number)); }

/* -- names -- */

#define NAMED(kind, at, path, call) \
  char buffer[PATH_MAX]; \
  const char *where = resolved(at, path, buffer); \
  const int status = call; \
  if (status == 0 && where != NULL) note(kind, 0, 0, where, "", NULL, 0); \
  return status;

int unlink(const char *path) { NAMED('u', AT_FDCWD, path, REAL(unlink)(path)) }
int unlinkat(int at, const char *path, int flags) { NAMED('u', at, path, REAL(unlinkat)(at, path, flags)) }
int rmdir(const char *path) { NAMED('u', AT_FDCWD, path, REAL(rmdir)(path)) }
int mkdir(const char *path, mode_t mode) { NAMED('d', AT_FDCWD, path, REAL(mkdir)(path, mode)) }
int mkdirat(int at, const char *path, mode_t mode) { NAMED('d', at, path, REAL(mkdirat)(at, path, mode)) }

static int renamed(int status, const char *from, const char *to) {
  if (status != 0 || (from == NULL && to == NULL)) return status;
  if (from == NULL || to == NULL) abort(); /* into the folder or out of it: nothing here does that */
  note('r', 0, 0, from, to, NULL, 0);
  return status;
}

int rename(const char *from, const char *to) {
  char one[PATH_MAX], other[PATH_MAX];
  const char *before = resolved(AT_FDCWD, from, one), *after = resolved(AT_FDCWD, to, other);
  return renamed(REAL(rename)(from, to), before, after);
}
int renameat(int at, const char *from, int into, const char *to) {
  char one[PATH_MAX], other[PATH_MAX];
  const char *before = resolved(at, from, one), *after = resolved(into, to, other);
  return renamed(REAL(renameat)(at, from, into, to), before, after);
}
int symlink(const char *to, const char *path) {
  char buffer[PATH_MAX];
  const char *where = resolved(AT_FDCWD, path, buffer);
  const int status = REAL(symlink)(to, path);
  if (status == 0 && where != NULL) note('l', 0, 0, where, to, NULL, 0);
  return status;
}

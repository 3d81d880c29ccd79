// A library to preload: from call SHIM_N on (or only that one, if SHIM_ONCE is set), what a process does with files whose
// path contains SHIM_PATH fails for want of room. Calls are: open for writing, write, fsync, rename. SHIM_MODE may be `eio`
// (the disk fails), `kill` (the process ends there) or `short-kill` (it ends behind half of what it was to write).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST_FILES = 4096 };
static char is_watched[MOST_FILES];
static int calls = 0;

static int watched(const char *path) {
    const char *part = getenv("SHIM_PATH");
    return path && part && strstr(path, part);
}

static int mode(const char *name) {
    const char *own = getenv("SHIM_MODE");
    return own && strcmp(own, name) == 0;
}

static int fails(void) {
    const char *first = getenv("SHIM_N");
    int n = first ? atoi(first) : 0;
    calls++;
    int hit = n && (getenv("SHIM_ONCE") ? calls == n : calls >= n);
    if (hit && mode("kill")) raise(SIGKILL);
    if (hit) errno = mode("eio") ? EIO : ENOSPC;
    return hit;
}

#define OPEN(NAME)                                                                     \
    int NAME(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = va_arg(rest, int);                                               \
        va_end(rest);                                                                  \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #NAME);                 \
        int mine = (flags & (O_WRONLY | O_RDWR)) && watched(path);                     \
        if (mine && fails()) return -1;                                                \
        int file = real(path, flags, mode);                                            \
        if (file >= 0 && file < MOST_FILES) is_watched[file] = mine;                   \
        return file;                                                                   \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *bytes, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (file >= 0 && file < MOST_FILES && is_watched[file] && fails()) {
        if (!mode("short-kill")) return -1;
        real(file, bytes, count / 2);
        raise(SIGKILL);
    }
    return real(file, bytes, count);
}

int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    if (file >= 0 && file < MOST_FILES && is_watched[file] && fails()) return -1;
    return real(file);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    if (watched(from) && fails()) return -1;
    return real(from, to);
}

/* Makes chosen system calls of a program fail, fall short or kill it: loaded with LD_PRELOAD, told what to do by a plan.
 *
 * A plan is text, one directive a line (shim.py writes it):
 *
 *     under PATH          only files below PATH are touched
 *     trace PATH          each call on such a file is written there: number, call, path below the folder, result, action
 *     rule CALLS FILE WHEN ACTION ARGUMENT AFTER ALWAYS WHILE
 *
 * CALLS is a sum of the CALL_ bits, FILE the end of a path ("-" is any). The rule acts on the WHEN-th such call that comes
 * after rule AFTER has acted (-1: from the beginning), and on all later ones if ALWAYS is 1. WHILE names a file that must
 * exist for the rule to count ("-": none), so that a test can say when a fault begins and ends. The plan comes from the environment
 * (SHIM_PLAN) or through shim_arm, after which counting begins anew.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CALL_WRITE = 1, CALL_META = 2, CALL_SYNC = 4, CALL_RENAME = 8, CALL_TRUNCATE = 16, CALL_SEND = 32 };
enum { ACT_ERROR = 1, ACT_SHORT = 2, ACT_KILL_BEFORE = 3, ACT_KILL_AFTER = 4, ACT_PASS = 5 };
enum { RULES_MAX = 8, PATH_SIZE = 512 };

struct rule {
    int calls, when, action, argument, after, always, seen, acted;
    char file[64], while_file[PATH_SIZE];
};

static struct rule rules[RULES_MAX];
static int rule_count, armed, trace_file = -1, call_number;
static char under[PATH_SIZE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Read a plan and begin to count. */
void shim_arm(const char *plan) {
    pthread_mutex_lock(&lock);
    rule_count = call_number = 0;
    under[0] = 0;
    char *copy = strdup(plan), *rest = copy, *line;
    while ((line = strsep(&rest, "\n"))) {
        char path[PATH_SIZE];
        if (sscanf(line, "under %511[^\n]", path) == 1) {
            strcpy(under, path);
        } else if (sscanf(line, "trace %511[^\n]", path) == 1) {
            trace_file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        } else if (rule_count < RULES_MAX) {
            struct rule *r = &rules[rule_count];
            memset(r, 0, sizeof *r);
            if (sscanf(line, "rule %d %63s %d %d %d %d %d %511s", &r->calls, r->file, &r->when, &r->action, &r->argument,
                       &r->after, &r->always, r->while_file) == 8)
                rule_count++;
        }
    }
    free(copy);
    armed = under[0] != 0;
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void begin(void) {
    const char *plan = getenv("SHIM_PLAN");
    if (plan) shim_arm(plan);
}

static int ends_with(const char *text, const char *end) {
    size_t have = strlen(text), want = strlen(end);
    return strcmp(end, "-") == 0 || (have >= want && strcmp(text + have - want, end) == 0);
}

/* The action of the rule that this call meets, or 0. */
static int meet(int call, const char *path, int *argument) {
    int action = 0;
    for (int i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];
        if (!(r->calls & call) || !ends_with(path, r->file) || (r->after >= 0 && !rules[r->after].acted)) continue;
        if (strcmp(r->while_file, "-") != 0 && syscall(SYS_faccessat, AT_FDCWD, r->while_file, F_OK) != 0) continue;
        r->seen++;
        if (action || !(r->seen == r->when || (r->always && r->seen > r->when))) continue;
        r->acted++;
        action = r->action;
        *argument = r->argument;
    }
    return action;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

struct call {
    int kind, action, argument;
    const char *name;
    char path[PATH_SIZE];
};

/* What to do about a call on a descriptor; dies here when the rule says so. */
static struct call enter(int kind, const char *name, int fd, const char *path) {
    struct call c = {.kind = kind, .name = name};
    if (!armed) return c;
    int saved = errno;
    if (path) {
        snprintf(c.path, sizeof c.path, "%s", path);
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, c.path, sizeof c.path - 1);
        c.path[size < 0 ? 0 : size] = 0;
    }
    if (strncmp(c.path, "socket:", 7) == 0) {
        if (kind == CALL_WRITE) c.kind = CALL_SEND;
    } else if (strncmp(c.path, under, strlen(under)) != 0) {
        c.kind = 0;
    } else if (kind == CALL_WRITE && (fcntl(fd, F_GETFL) & O_DSYNC)) {
        /* LMDB writes its meta page, and nothing else, through a descriptor of this kind. */
        c.kind = CALL_META;
    }
    if (c.kind) {
        pthread_mutex_lock(&lock);
        c.action = meet(c.kind, c.path, &c.argument);
        pthread_mutex_unlock(&lock);
    }
    if (c.action == ACT_KILL_BEFORE) die();
    errno = saved;
    return c;
}

static ssize_t leave(struct call *c, ssize_t result) {
    if (c->action == ACT_KILL_AFTER) die();
    if (c->kind && c->kind != CALL_SEND && trace_file >= 0) {
        int saved = errno;
        char line[PATH_SIZE + 128];
        const char *below = c->path[strlen(under)] ? c->path + strlen(under) + 1 : ".";
        int size = snprintf(line, sizeof line, "%d %s%s %s %zd %d\n", __atomic_add_fetch(&call_number, 1, __ATOMIC_SEQ_CST),
                            c->name, c->kind == CALL_META ? "/meta" : "", below, result, c->action);
        syscall(SYS_write, trace_file, line, size);
        errno = saved;
    }
    return result;
}

/* The errno to fail with, or 0. */
static int fails(struct call *c) {
    if (c->action != ACT_ERROR) return 0;
    errno = c->argument;
    return 1;
}

static size_t shorter(struct call *c, size_t size) {
    return c->action == ACT_SHORT && size > 1 ? size / 2 : size;
}

#define PWRITE(name, offset_type)                                                                                        \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) {                                            \
        struct call c = enter(CALL_WRITE, "pwrite", fd, NULL);                                                           \
        return leave(&c, fails(&c) ? -1 : REAL(name)(fd, data, shorter(&c, size), offset));                              \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, offset_type)                                                                                       \
    ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) {                                     \
        struct call c = enter(CALL_WRITE, "pwritev", fd, NULL);                                                          \
        if (fails(&c)) return leave(&c, -1);                                                                             \
        if (c.action == ACT_SHORT)                                                                                       \
            return leave(&c, REAL(pwrite64)(fd, parts[0].iov_base, parts[0].iov_len / 2, offset));                       \
        return leave(&c, REAL(name)(fd, parts, count, offset));                                                          \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    struct call c = enter(CALL_WRITE, "write", fd, NULL);
    return leave(&c, fails(&c) ? -1 : REAL(write)(fd, data, shorter(&c, size)));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct call c = enter(CALL_WRITE, "writev", fd, NULL);
    if (fails(&c)) return leave(&c, -1);
    if (c.action == ACT_SHORT) return leave(&c, REAL(write)(fd, parts[0].iov_base, parts[0].iov_len / 2));
    return leave(&c, REAL(writev)(fd, parts, count));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    struct call c = enter(CALL_SEND, "sendmsg", fd, NULL);
    return leave(&c, fails(&c) ? -1 : REAL(sendmsg)(fd, message, flags));
}

#define ON_FILE(name, kind)                                                                                              \
    int name(int fd) {                                                                                                   \
        struct call c = enter(kind, #name, fd, NULL);                                                                    \
        return (int)leave(&c, fails(&c) ? -1 : REAL(name)(fd));                                                          \
    }
ON_FILE(fsync, CALL_SYNC)
ON_FILE(fdatasync, CALL_SYNC)

#define TRUNCATE(name, size_type)                                                                                        \
    int name(int fd, size_type size) {                                                                                   \
        struct call c = enter(CALL_TRUNCATE, "ftruncate", fd, NULL);                                                     \
        return (int)leave(&c, fails(&c) ? -1 : REAL(name)(fd, size));                                                    \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int msync(void *address, size_t size, int flags) {
    /* A mapping has no descriptor; whatever is mapped here belongs to the store. */
    struct call c = enter(CALL_SYNC, "msync", -1, under);
    return (int)leave(&c, fails(&c) ? -1 : REAL(msync)(address, size, flags));
}

int rename(const char *from, const char *to) {
    struct call c = enter(CALL_RENAME, "rename", -1, to);
    return (int)leave(&c, fails(&c) ? -1 : REAL(rename)(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    struct call c = enter(CALL_RENAME, "rename", -1, to);
    return (int)leave(&c, fails(&c) ? -1 : REAL(renameat)(from_folder, from, to_folder, to));
}

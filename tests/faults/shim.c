/* What a process asks of its disk, seen and spoiled from inside it.
 *
 * Preloaded into a process (LD_PRELOAD), this catches the system calls that change files below one directory, writes each with its data
 * to a trace, in an order that can be trusted, and lets those fail, lie, hang or kill the process that a rule names. It catches them
 * with a seccomp filter and a handler for SIGSYS, not by taking the place of library functions: part of the product (rustix) calls the
 * kernel directly, and what is not seen here does not happen. Linux on x86-64 or aarch64.
 *
 * It is for tests only, and is no part of the product. What it does not do: reads are neither seen nor spoiled; processes that the
 * process starts die of the filter. The trace's form is read by tests/it/faults/trace.rs, the rules are written by
 * tests/it/faults/shim.rs.
 *
 *   FAULTS_ROOT     the directory (no links in its path)
 *   FAULTS_TRACE    where the trace goes; none without it
 *   FAULTS_DATA     written bytes go to the trace, too
 *   FAULTS_SENT     so does what goes to sockets
 *   FAULTS_CONTROL  a file of 4 KiB: byte 0 is 1 while rules hold; u32 at 4: calls that matched the first; u32 at 8: calls spoiled
 *   FAULTS_RULES    kind:path:first:count:action:argument, separated by `;`. Of the calls of a kind whose path contains the
 *                             text, counted while rules hold, `count` (0: all) from number `first` (1 is the first) on are spoiled.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The sixth argument of calls that come from here, which the filter lets through. */
#define COOKIE 0x5eedc0de0ddba11UL
/* How this process ends when it cannot be watched. */
#define UNSUPPORTED 97
#define SENT_MAX 65536

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "not written for this machine"
#endif

static long call_with(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8) : "memory");
    return x0;
#endif
}

/* A call that the filter lets through. */
static long call(long number, long a, long b, long c, long d, long e) { return call_with(number, a, b, c, d, e, (long)COOKIE); }

/* ---- events ---- */

enum kind {
    OPEN = 1,      /* an existing file; TRUNCATES when it lost its content */
    CREATE = 2,    /* a file that was not there */
    WRITE = 3,     /* at: offset; length: bytes written */
    RANGE = 4,     /* sync_file_range, which makes nothing durable */
    FDATASYNC = 5,
    FSYNC = 6,
    SYNCFS = 7,
    TRUNCATE = 8,  /* length: the new length */
    ALLOCATE = 9,  /* at, length */
    RENAME = 10,   /* path to other; other_inode: what was replaced */
    UNLINK = 11,
    RMDIR = 12,
    MKDIR = 13,
    STATFS = 14,
    SAY = 15,      /* a write to standard output */
    SEND = 16,     /* bytes to a socket */
    FOREIGN = 17,  /* a way to change files that nothing here understands: refused */
    KINDS
};

static const char *const names[KINDS] = {"",         "open",  "create", "write", "range", "fdatasync", "fsync", "syncfs", "truncate",
                                         "allocate", "rename", "unlink", "rmdir", "mkdir", "statfs",    "say",   "send",   "foreign"};

/* What happened besides what was asked. */
enum { SPOILED = 1, LOST = 2, DIRECTORY = 4, TRUNCATES = 8 };

struct event {
    uint32_t total; /* bytes of this event in the trace */
    uint16_t kind, flags;
    uint64_t begin, end; /* two tickets: taken before the call, and after it */
    int64_t result;
    uint64_t inode, other_inode, at, length;
    uint32_t thread;
    uint16_t path, other; /* bytes of paths that follow */
    uint32_t data;        /* bytes of data that follow them */
    uint32_t reserved;
};

static char root[4096];
static size_t root_length;
static int trace = -1, with_data, with_sent;
static volatile unsigned char *control;
static uint64_t tickets;

static uint64_t ticket(void) { return __atomic_fetch_add(&tickets, 1, __ATOMIC_SEQ_CST); }

static void note(struct event *event, const char *path, const char *other, const void *data) {
    event->end = ticket();
    if (trace < 0)
        return;
    event->path = path ? strlen(path) : 0;
    event->other = other ? strlen(other) : 0;
    if (!data)
        event->data = 0;
    event->thread = (uint32_t)call(SYS_gettid, 0, 0, 0, 0, 0);
    event->total = sizeof *event + event->path + event->other + event->data;
    struct iovec parts[] = {{event, sizeof *event}, {(void *)path, event->path}, {(void *)other, event->other}, {(void *)data, event->data}};
    call(SYS_writev, trace, (long)parts, 4, 0, 0);
}

/* ---- rules ---- */

enum action { FAIL, SHORT, LATE, LOSE, HANG, KILL, KILL_AFTER, FULL };

struct rule {
    uint32_t kinds; /* bits */
    char path[128];
    uint32_t first, count, seen;
    enum action action;
    long argument;
};

static struct rule rules[16];
static int rule_count;

static int armed(void) { return !control || control[0] == 1; }

static void count(int at) {
    if (control)
        __atomic_fetch_add((uint32_t *)(control + at), 1, __ATOMIC_SEQ_CST);
}

/* The rule that spoils this call, if one does. */
static const struct rule *spoiler(int kind, const char *path, const char *other) {
    if (!rule_count || !armed())
        return NULL;
    for (int i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        if (!(rule->kinds & (1u << kind)) || !(strstr(path, rule->path) || (other && strstr(other, rule->path))))
            continue;
        uint32_t number = __atomic_add_fetch(&rule->seen, 1, __ATOMIC_SEQ_CST);
        if (i == 0)
            count(4);
        if (number < rule->first || (rule->count && number >= rule->first + rule->count))
            continue;
        count(8);
        return rule;
    }
    return NULL;
}

static void hang(long milliseconds) {
    struct timespec moment = {0, 10000000};
    for (long passed = 0; passed < milliseconds && armed(); passed += 10)
        call(SYS_nanosleep, (long)&moment, 0, 0, 0, 0);
}

static void die(void) {
    call(SYS_kill, call(SYS_getpid, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0);
    for (;;)
        hang(1000);
}

/* Does the call, or what the rule says. */
static long perform(const struct rule *rule, struct event *event, long number, long a, long b, long c, long d, long e) {
    if (rule) {
        event->flags |= SPOILED;
        switch (rule->action) {
        case FAIL:
            return event->result = -rule->argument;
        case LOSE:
            event->flags |= LOST;
            return event->result = event->kind == WRITE ? (long)event->length : 0;
        case HANG:
            hang(rule->argument);
            break;
        case KILL:
            die();
            break;
        default:
            break;
        }
    }
    event->result = call(number, a, b, c, d, e);
    if (rule && rule->action == KILL_AFTER)
        die();
    return rule && rule->action == LATE ? -rule->argument : event->result;
}

/* ---- paths ---- */

static int in_root(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* Where an open file is; not in the directory when nobody can tell. */
static int path_of(long fd, char path[4096]) {
    char link[40] = "/proc/self/fd/";
    char digits[20];
    int length = 0, at = 14;
    if (fd < 0)
        return 0;
    do
        digits[length++] = '0' + fd % 10;
    while ((fd /= 10));
    while (length)
        link[at++] = digits[--length];
    link[at] = 0;
    long got = call(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, 4095, 0);
    if (got < 0)
        got = 0;
    path[got] = 0;
    return in_root(path);
}

static int path_at(long directory, const char *name, char path[4096]) {
    size_t length = strlen(name);
    if (name[0] == '/') {
        if (length > 4095)
            return 0;
        memcpy(path, name, length + 1);
        return in_root(path);
    }
    if ((int)directory == AT_FDCWD || !path_of((int)directory, path))
        return 0;
    size_t before = strlen(path);
    if (before + length + 2 > 4096)
        return 0;
    path[before] = '/';
    memcpy(path + before + 1, name, length + 1);
    return 1;
}

static int look(const char *path, struct stat *stat) {
    return !call(SYS_newfstatat, AT_FDCWD, (long)path, (long)stat, AT_SYMLINK_NOFOLLOW, 0);
}

static void identify(struct event *event, long fd) {
    struct stat stat;
    if (call(SYS_fstat, fd, (long)&stat, 0, 0, 0))
        return;
    event->inode = stat.st_ino;
    if (S_ISDIR(stat.st_mode))
        event->flags |= DIRECTORY;
}

/* ---- the calls ---- */

static struct event begin(int kind) {
    struct event event = {0};
    event.kind = kind;
    event.begin = ticket();
    return event;
}

static long on_open(long directory, const char *name, long flags, long mode) {
    char path[4096];
    if (!path_at(directory, name, path))
        return call(SYS_openat, directory, (long)name, flags, mode, 0);
    struct stat stat;
    int there = look(path, &stat);
    struct event event = begin(!there && (flags & O_CREAT) ? CREATE : OPEN);
    if (there && (flags & O_TRUNC))
        event.flags |= TRUNCATES;
    long answer = perform(spoiler(event.kind, path, NULL), &event, SYS_openat, directory, (long)name, flags, mode, 0);
    if (event.result >= 0)
        identify(&event, event.result);
    if (event.kind == CREATE || (event.flags & (TRUNCATES | SPOILED)))
        note(&event, path, NULL, NULL);
    if (answer < 0 && event.result >= 0)
        call(SYS_close, event.result, 0, 0, 0, 0);
    return answer;
}

static size_t gather(const struct iovec *parts, int count, size_t at_most, char *into) {
    size_t total = 0;
    for (int i = 0; i < count && total < at_most; i++) {
        size_t length = parts[i].iov_len < at_most - total ? parts[i].iov_len : at_most - total;
        if (into)
            memcpy(into + total, parts[i].iov_base, length);
        total += length;
    }
    return total;
}

/* Notes a call with the bytes of several buffers. */
static void note_parts(struct event *event, const char *path, const struct iovec *parts, int count, size_t length) {
    void *data = NULL;
    if (count == 1) {
        data = parts[0].iov_base;
    } else if (length) {
        long room = call_with(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room < 0 && room > -4096)
            die();
        data = (void *)room;
        gather(parts, count, length, data);
    }
    event->data = length;
    note(event, path, NULL, data);
    if (count != 1 && length)
        call(SYS_munmap, (long)data, length, 0, 0, 0);
}

/* A write to a file in the directory, at the file's own offset or at one that is given. */
static long write_file(const char *path, long fd, const struct iovec *parts, int count, int positioned, long at) {
    struct event event = begin(WRITE);
    struct stat stat;
    event.length = gather(parts, count, SIZE_MAX, NULL);
    if (positioned) {
        event.at = at;
    } else if (call(SYS_fcntl, fd, F_GETFL, 0, 0, 0) & O_APPEND) {
        event.at = call(SYS_fstat, fd, (long)&stat, 0, 0, 0) ? 0 : stat.st_size;
    } else {
        event.at = call(SYS_lseek, fd, 0, SEEK_CUR, 0, 0);
    }
    identify(&event, fd);
    const struct rule *rule = spoiler(WRITE, path, NULL);
    struct iovec half;
    if (rule && rule->action == SHORT && event.length > 1) {
        half.iov_base = parts[0].iov_base;
        half.iov_len = (parts[0].iov_len + 1) / 2;
        parts = &half;
        count = 1;
    }
    long answer = positioned ? perform(rule, &event, SYS_pwritev, fd, (long)parts, count, at, 0)
                             : perform(rule, &event, SYS_writev, fd, (long)parts, count, 0, 0);
    if (rule && rule->action == SHORT && rule->argument && event.result >= 0)
        answer = -rule->argument;
    size_t wrote = event.result > 0 ? event.result : 0;
    event.length = wrote;
    note_parts(&event, path, parts, count, with_data && !(event.flags & LOST) ? wrote : 0);
    return answer;
}

static int is_socket(long fd) {
    struct stat stat;
    return !call(SYS_fstat, fd, (long)&stat, 0, 0, 0) && S_ISSOCK(stat.st_mode);
}

static void note_said(struct event *event, const struct iovec *parts, int count) {
    size_t length = event->result > 0 ? event->result : 0;
    note_parts(event, NULL, parts, count, length < SENT_MAX ? length : SENT_MAX);
}

static long on_write(long number, long fd, const struct iovec *parts, int count, int positioned, long a, long b, long c, long d) {
    char path[4096];
    if (path_of(fd, path))
        return write_file(path, fd, parts, count, positioned, c);
    int says = fd == STDOUT_FILENO, sends = !says && with_sent && is_socket(fd);
    if (!says && !sends)
        return call(number, fd, a, b, c, d);
    struct event event = begin(says ? SAY : SEND);
    event.result = call(number, fd, a, b, c, d);
    note_said(&event, parts, count);
    return event.result;
}

static long on_send(long fd, const struct msghdr *message, long flags) {
    struct event event = begin(SEND);
    event.result = call(SYS_sendmsg, fd, (long)message, flags, 0, 0);
    if (event.result >= 0 && is_socket(fd))
        note_said(&event, message->msg_iov, (int)message->msg_iovlen);
    return event.result;
}

/* A call that concerns one open file. */
static long on_file(int kind, long number, long fd, long a, long b, long c, uint64_t at, uint64_t length) {
    char path[4096];
    if (!path_of(fd, path))
        return call(number, fd, a, b, c, 0);
    struct event event = begin(kind);
    event.at = at;
    event.length = length;
    identify(&event, fd);
    long answer = perform(spoiler(kind, path, NULL), &event, number, fd, a, b, c, 0);
    note(&event, path, NULL, NULL);
    return answer;
}

/* A call that makes or removes a name. */
static long on_name(int kind, long directory, const char *name, long number, long a, long b, long c) {
    char path[4096];
    if (!path_at(directory, name, path))
        return call(number, a, b, c, 0, 0);
    struct stat stat;
    struct event event = begin(kind);
    if (look(path, &stat))
        event.inode = stat.st_ino;
    long answer = perform(spoiler(kind, path, NULL), &event, number, a, b, c, 0, 0);
    if (kind == MKDIR && look(path, &stat))
        event.inode = stat.st_ino;
    note(&event, path, NULL, NULL);
    return answer;
}

static long on_rename(long from_directory, const char *from, long to_directory, const char *to, long flags) {
    char path[4096], other[4096];
    int inside = path_at(from_directory, from, path), into = path_at(to_directory, to, other);
    if (!inside && !into)
        return call(SYS_renameat2, from_directory, (long)from, to_directory, (long)to, flags);
    struct stat stat;
    struct event event = begin(inside && into && !flags ? RENAME : FOREIGN);
    if (look(path, &stat))
        event.inode = stat.st_ino;
    if (look(other, &stat))
        event.other_inode = stat.st_ino;
    long answer = perform(spoiler(RENAME, path, other), &event, SYS_renameat2, from_directory, (long)from, to_directory, (long)to, flags);
    note(&event, path, other, NULL);
    return answer;
}

static long on_statfs(long number, const char *path, long where, struct statfs *room) {
    struct event event = begin(STATFS);
    const struct rule *rule = in_root(path) ? spoiler(STATFS, path, NULL) : NULL;
    long answer = perform(rule, &event, number, where, (long)room, 0, 0, 0);
    if (rule && rule->action == FULL && !answer)
        room->f_bfree = room->f_bavail = 0;
    return answer;
}

/* Something that changes files in a way that the trace cannot tell. Whoever asks for it goes on without. */
static long on_foreign(long fd, const char *name, long refusal) {
    char path[4096];
    if (name ? path_at(AT_FDCWD, name, path) : path_of(fd, path)) {
        struct event event = begin(FOREIGN);
        event.result = -refusal;
        note(&event, path, NULL, NULL);
    }
    return -refusal;
}

static long dispatch(long number, long a, long b, long c, long d, long e, long f) {
    struct iovec one = {(void *)b, (size_t)c};
    char path[4096];
    switch (number) {
    case SYS_openat:
        return on_open(a, (const char *)b, c, d);
    case SYS_write:
        return on_write(number, a, &one, 1, 0, b, c, 0, 0);
    case SYS_writev:
        return on_write(number, a, (const struct iovec *)b, (int)c, 0, b, c, 0, 0);
    case SYS_pwrite64:
        return path_of(a, path) ? write_file(path, a, &one, 1, 1, d) : call(number, a, b, c, d, e);
    case SYS_pwritev:
        return path_of(a, path) ? write_file(path, a, (const struct iovec *)b, (int)c, 1, d) : call(number, a, b, c, d, e);
    case SYS_fsync:
        return on_file(FSYNC, number, a, b, c, d, 0, 0);
    case SYS_fdatasync:
        return on_file(FDATASYNC, number, a, b, c, d, 0, 0);
    case SYS_syncfs:
        return on_file(SYNCFS, number, a, b, c, d, 0, 0);
    case SYS_sync_file_range:
        return on_file(RANGE, number, a, b, c, d, (uint64_t)b, (uint64_t)c);
    case SYS_ftruncate:
        return on_file(TRUNCATE, number, a, b, c, d, 0, (uint64_t)b);
    case SYS_fallocate:
        return on_file(ALLOCATE, number, a, b, c, d, (uint64_t)c, (uint64_t)d);
    case SYS_unlinkat:
        return on_name(c & AT_REMOVEDIR ? RMDIR : UNLINK, a, (const char *)b, number, a, b, c);
    case SYS_mkdirat:
        return on_name(MKDIR, a, (const char *)b, number, a, b, c);
    case SYS_renameat2:
        return on_rename(a, (const char *)b, c, (const char *)d, e);
#ifdef SYS_renameat
    case SYS_renameat:
        return on_rename(a, (const char *)b, c, (const char *)d, 0);
#endif
#ifdef SYS_open
    case SYS_open:
        return on_open(AT_FDCWD, (const char *)a, b, c);
    case SYS_creat:
        return on_open(AT_FDCWD, (const char *)a, O_CREAT | O_WRONLY | O_TRUNC, b);
    case SYS_unlink:
        return on_name(UNLINK, AT_FDCWD, (const char *)a, number, a, b, c);
    case SYS_rmdir:
        return on_name(RMDIR, AT_FDCWD, (const char *)a, number, a, b, c);
    case SYS_mkdir:
        return on_name(MKDIR, AT_FDCWD, (const char *)a, number, a, b, c);
    case SYS_rename:
        return on_rename(AT_FDCWD, (const char *)a, AT_FDCWD, (const char *)b, 0);
    case SYS_link:
        return on_foreign(-1, (const char *)b, EPERM);
    case SYS_symlink:
        return on_foreign(-1, (const char *)b, EPERM);
#endif
    case SYS_linkat:
        return on_foreign(-1, (const char *)d, EPERM);
    case SYS_symlinkat:
        return on_foreign(-1, (const char *)c, EPERM);
    case SYS_truncate:
        return on_foreign(-1, (const char *)a, EPERM);
    case SYS_statfs:
        return on_statfs(number, (const char *)a, a, (struct statfs *)b);
    case SYS_fstatfs:
        path_of(a, path);
        return on_statfs(number, path, a, (struct statfs *)b);
    case SYS_mmap:
        return on_foreign(e, NULL, ENODEV);
    case SYS_copy_file_range:
        return on_foreign(c, NULL, EXDEV);
    case SYS_sendfile:
        return on_foreign(a, NULL, EINVAL);
    case SYS_splice:
        return on_foreign(c, NULL, EINVAL);
    case SYS_pwritev2:
        return on_foreign(a, NULL, ENOSYS);
    case SYS_sendmsg:
        return on_send(a, (const struct msghdr *)b, c);
    case SYS_sendto: {
        struct msghdr message = {0};
        message.msg_name = (void *)e;
        message.msg_namelen = e ? (socklen_t)f : 0;
        message.msg_iov = &one;
        message.msg_iovlen = 1;
        return on_send(a, &message, d);
    }
    default:
        return -ENOSYS;
    }
}

static void caught(int signal, siginfo_t *info, void *state) {
    mcontext_t *machine = &((ucontext_t *)state)->uc_mcontext;
    (void)signal;
#if defined(__x86_64__)
    greg_t *r = machine->gregs;
    r[REG_RAX] = dispatch(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
#else
    unsigned long long *r = machine->regs;
    r[0] = dispatch(info->si_syscall, r[0], r[1], r[2], r[3], r[4], r[5]);
#endif
}

/* ---- the filter ---- */

static const int watched[] = {SYS_openat,      SYS_write,     SYS_writev,   SYS_pwrite64,        SYS_pwritev,   SYS_pwritev2,  SYS_fsync,
                              SYS_fdatasync,   SYS_syncfs,    SYS_ftruncate, SYS_sync_file_range, SYS_fallocate, SYS_unlinkat, SYS_mkdirat,
                              SYS_renameat2,   SYS_linkat,    SYS_symlinkat, SYS_truncate,       SYS_statfs,    SYS_fstatfs,  SYS_copy_file_range,
                              SYS_sendfile,    SYS_splice,
#ifdef SYS_renameat
                              SYS_renameat,
#endif
#ifdef SYS_open
                              SYS_open,        SYS_creat,     SYS_unlink,   SYS_rmdir,           SYS_mkdir,     SYS_rename,    SYS_link,
                              SYS_symlink,
#endif
                              SYS_sendmsg,     SYS_sendto};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(test, value, yes, no) BPF_JUMP(BPF_JMP | BPF_##test | BPF_K, value, yes, no)
#define ANSWER(answer) BPF_STMT(BPF_RET | BPF_K, answer)

static void watch(void) {
    struct sock_filter filter[128];
    int length = 0, count = sizeof watched / sizeof *watched - (with_sent ? 0 : 2);
    filter[length++] = (struct sock_filter)LOAD(arch);
    filter[length++] = (struct sock_filter)IF(JEQ, ARCH, 1, 0);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_KILL_PROCESS);
    filter[length++] = (struct sock_filter)LOAD(nr);
    filter[length++] = (struct sock_filter)IF(JEQ, SYS_io_uring_setup, 0, 1);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | ENOSYS);
    /* A writable mapping that others see, of a file. */
    filter[length++] = (struct sock_filter)IF(JEQ, SYS_mmap, 0, 7);
    filter[length++] = (struct sock_filter)LOAD(args[3]);
    filter[length++] = (struct sock_filter)IF(JSET, MAP_ANONYMOUS, 4, 0);
    filter[length++] = (struct sock_filter)IF(JSET, MAP_SHARED, 0, 3);
    filter[length++] = (struct sock_filter)LOAD(args[2]);
    filter[length++] = (struct sock_filter)IF(JSET, PROT_WRITE, 0, 1);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_TRAP);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    for (int i = 0; i < count; i++)
        filter[length++] = (struct sock_filter)IF(JEQ, watched[i], count - i, 0);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    filter[length++] = (struct sock_filter)LOAD(args[5]);
    filter[length++] = (struct sock_filter)IF(JEQ, COOKIE & 0xffffffff, 0, 2);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4);
    filter[length++] = (struct sock_filter)IF(JEQ, COOKIE >> 32, 1, 0);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_TRAP);
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);

    struct sigaction action = {0};
    action.sa_sigaction = caught;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
    struct sock_fprog program = {(unsigned short)length, filter};
    if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(UNSUPPORTED);
}

/* ---- settings ---- */

static const struct {
    const char *name;
    long number;
} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"EACCES", EACCES}};

static long error_number(const char *name) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(name, errors[i].name))
            return errors[i].number;
    return 0;
}

static uint32_t kinds_of(const char *name) {
    if (!strcmp(name, "any"))
        return ((1u << FOREIGN) - 1) & ~(1u << STATFS | 1u << SAY | 1u << SEND);
    if (!strcmp(name, "sync"))
        return 1u << FDATASYNC | 1u << FSYNC | 1u << SYNCFS;
    for (int kind = OPEN; kind < KINDS; kind++)
        if (!strcmp(name, names[kind]))
            return 1u << kind;
    return 0;
}

static int parse_action(const char *word, const char *argument, struct rule *rule) {
    static const char *const words[] = {"fail", "short", "late", "lose", "hang", "kill", "kill-after", "full"};
    for (int i = 0; i < 8; i++)
        if (!strcmp(word, words[i])) {
            rule->action = i;
            rule->argument = i == HANG ? atol(argument) : error_number(argument);
            return (i != FAIL && i != LATE) || rule->argument;
        }
    return 0;
}

static int parse_rule(char *text) {
    char *fields[6] = {text};
    for (int i = 1; i < 6; i++) {
        char *colon = strchr(fields[i - 1], ':');
        if (!colon)
            return 0;
        *colon = 0;
        fields[i] = colon + 1;
    }
    struct rule *rule = &rules[rule_count];
    rule->kinds = kinds_of(fields[0]);
    rule->first = atol(fields[2]);
    rule->count = atol(fields[3]);
    if (!rule->kinds || rule_count == 15 || strlen(fields[1]) >= sizeof rule->path || !parse_action(fields[4], fields[5], rule))
        return 0;
    strcpy(rule->path, fields[1]);
    rule_count++;
    return 1;
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static void complain(const char *what) {
    static const char prefix[] = "the shim of the fault tests: ";
    if (write(STDERR_FILENO, prefix, sizeof prefix - 1) < 0 || write(STDERR_FILENO, what, strlen(what)) < 0)
        _exit(UNSUPPORTED + 1);
    _exit(UNSUPPORTED + 1);
}

__attribute__((constructor)) static void start(void) {
    const char *directory = setting("FAULTS_ROOT"), *file = setting("FAULTS_TRACE");
    if (!directory)
        return;
    root_length = strlen(directory);
    if (root_length >= sizeof root)
        complain("the path of the directory is too long\n");
    strcpy(root, directory);
    with_data = setting("FAULTS_DATA") != NULL;
    with_sent = setting("FAULTS_SENT") != NULL;
    if (file && (trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        complain("the trace cannot be opened\n");
    if ((file = setting("FAULTS_CONTROL"))) {
        int fd = open(file, O_RDWR | O_CLOEXEC);
        void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
            complain("the control file cannot be mapped\n");
        control = page;
        close(fd);
    }
    const char *list = setting("FAULTS_RULES");
    char *text = list ? strdup(list) : NULL, *rest = NULL;
    for (char *rule = text ? strtok_r(text, ";", &rest) : NULL; rule; rule = strtok_r(NULL, ";", &rest))
        if (!parse_rule(rule))
            complain("a rule cannot be read\n");
    watch();
}

// Preloaded into an echo server: counts what it asks of the kernel and of the heap.
#include "bench.h"
#include "counts.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static struct counts nowhere, *counts = &nowhere;

__attribute__((constructor)) static void counts_map(void)
{
    const char *path = getenv(COUNTS_ENV);
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *mapped;

    if (fd < 0)
        return;
    mapped = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        counts = mapped;
}

static void count(enum counted what)
{
    __atomic_fetch_add(&counts->values[what], 1, __ATOMIC_RELAXED);
}

// A function of the C library that is counted and passed on.
#define COUNTED_CALL(kind, type, name, parameters, arguments)                                        \
    type name parameters                                                                             \
    {                                                                                                \
        static type(*next) parameters;                                                               \
                                                                                                     \
        if (next == NULL)                                                                            \
            next = (type(*) parameters) dlsym(RTLD_NEXT, #name);                                     \
        count(kind);                                                                                 \
        return next arguments;                                                                       \
    }

COUNTED_CALL(COUNT_WAIT, int, epoll_wait, (int fd, struct epoll_event *events, int max, int timeout),
             (fd, events, max, timeout))
COUNTED_CALL(COUNT_WAIT, int, epoll_pwait,
             (int fd, struct epoll_event *events, int max, int timeout, const sigset_t *mask),
             (fd, events, max, timeout, mask))
COUNTED_CALL(COUNT_WAIT, int, epoll_pwait2,
             (int fd, struct epoll_event *events, int max, const struct timespec *timeout,
              const sigset_t *mask),
             (fd, events, max, timeout, mask))
COUNTED_CALL(COUNT_RECEIVE, ssize_t, read, (int fd, void *buffer, size_t length), (fd, buffer, length))
COUNTED_CALL(COUNT_RECEIVE, ssize_t, readv, (int fd, const struct iovec *iov, int niov),
             (fd, iov, niov))
COUNTED_CALL(COUNT_RECEIVE, ssize_t, recv, (int fd, void *buffer, size_t length, int flags),
             (fd, buffer, length, flags))
COUNTED_CALL(COUNT_RECEIVE, ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
             (fd, message, flags))
COUNTED_CALL(COUNT_SEND, ssize_t, write, (int fd, const void *buffer, size_t length),
             (fd, buffer, length))
COUNTED_CALL(COUNT_SEND, ssize_t, writev, (int fd, const struct iovec *iov, int niov), (fd, iov, niov))
COUNTED_CALL(COUNT_SEND, ssize_t, send, (int fd, const void *buffer, size_t length, int flags),
             (fd, buffer, length, flags))
COUNTED_CALL(COUNT_SEND, ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
             (fd, message, flags))
COUNTED_CALL(COUNT_OTHER, int, epoll_ctl, (int fd, int operation, int of, struct epoll_event *event),
             (fd, operation, of, event))

// Calls by number. The C library's syscall passes on as many arguments as there can be, too.
long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long a[6];
    va_list list;
    int i;

    va_start(list, number);
    for (i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (next == NULL)
        next = (long (*)(long, ...)) dlsym(RTLD_NEXT, "syscall");
    switch (number) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_io_uring_enter: count(COUNT_WAIT); break;
    case SYS_read:
    case SYS_recvfrom:
    case SYS_recvmsg: count(COUNT_RECEIVE); break;
    case SYS_write:
    case SYS_sendto:
    case SYS_sendmsg: count(COUNT_SEND); break;
    default: count(COUNT_OTHER);
    }
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// The heap of the C library has names of its own to pass on to, as dlsym itself allocates.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    count(COUNT_ALLOCATION);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(COUNT_ALLOCATION);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(COUNT_ALLOCATION);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(COUNT_ALLOCATION);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    count(COUNT_ALLOCATION);
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

COUNTED_CALL(COUNT_OTHER, void *, mmap, (void *at, size_t length, int protection, int flags, int fd,
                                         off_t offset),
             (at, length, protection, flags, fd, offset))

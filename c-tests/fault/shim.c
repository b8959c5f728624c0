// SPDX-License-Identifier: MIT OR Apache-2.0

// Preloaded before a program that uses the library: makes the n-th call of one kind fail, once, as the kernel or
// the C library could. Only calls made by the library itself count, so the program around it is left alone.
//
//   FAULT_KIND=socket FAULT_NUMBER=3 FAULT_ERRNO=24   the third call of that kind fails with EMFILE
//   FAULT_COUNTS=file                                 at the end: `kind calls` lines
//
// A call that the kernel would not fail like that is not counted: an eventfd is only ever interrupted, a
// registration is not refused when it is taken back, and log lines are written.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    KIND_SOCKET,
    KIND_NAME, // what is asked of or told to a socket besides: bind, listen, options, its name
    KIND_CONNECT,
    KIND_ACCEPT,
    KIND_READ,
    KIND_WRITE,
    KIND_WAKE, // reads and writes of an eventfd
    KIND_EPOLL,
    KIND_WAIT,
    KIND_FINE_WAIT, // with a time-out in nanoseconds, which older kernels do not have
    KIND_EVENTFD,
    KIND_MMAP,
    KIND_MALLOC,
    KIND_THREAD,
    KINDS
};

static const char *const kind_names[KINDS] = {
    "socket", "name", "connect", "accept", "read", "write", "wake", "epoll", "wait", "fine-wait", "eventfd",
    "mmap", "malloc", "thread",
};

static atomic_int counts[KINDS];
static atomic_int fired;
static atomic_long live_blocks;
static int wanted_kind = KINDS, wanted_number, wanted_errno;
static uintptr_t library_start, library_end;

#define EXPORT __attribute__((visibility("default")))

/** Whether the planned failure has happened. */
EXPORT int
fault_fired(void)
{
    return atomic_load(&fired);
}

/** Heap blocks that the library holds now. */
EXPORT long
fault_live_blocks(void)
{
    return atomic_load(&live_blocks);
}

static int
find_library(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void) size;
    (void) unused;
    if (strstr(info->dlpi_name, "libevpl.so") == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start           = info->dlpi_addr + segment->p_vaddr;

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            library_start = start;
            library_end   = start + segment->p_memsz;
        }
    }
    return 1;
}

static void __attribute__((constructor))
start(void)
{
    const char *kind = getenv("FAULT_KIND");

    dl_iterate_phdr(find_library, NULL);
    for (int i = 0; kind != NULL && i < KINDS; i++) {
        if (strcmp(kind, kind_names[i]) == 0) {
            wanted_kind = i;
        }
    }
    wanted_number = atoi(getenv("FAULT_NUMBER") ? getenv("FAULT_NUMBER") : "0");
    wanted_errno  = atoi(getenv("FAULT_ERRNO") ? getenv("FAULT_ERRNO") : "0");
}

static void __attribute__((destructor))
end(void)
{
    const char *path = getenv("FAULT_COUNTS");
    char text[512];
    int length = 0, fd;

    if (path == NULL) {
        return;
    }
    for (int i = 0; i < KINDS; i++) {
        length += snprintf(text + length, sizeof(text) - (size_t) length, "%s %d\n", kind_names[i], counts[i]);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, text, (size_t) length) != length) {
        abort();
    }
    close(fd);
}

static int
is_library(void *caller)
{
    return (uintptr_t) caller - library_start < library_end - library_start;
}

// Counts the call; whether it is the one to fail. errno is set then.
static int
fails(enum kind kind, void *caller)
{
    if (!is_library(caller)) {
        return 0;
    }
    if (atomic_fetch_add(&counts[kind], 1) + 1 != wanted_number || (int) kind != wanted_kind) {
        return 0;
    }
    atomic_store(&fired, 1);
    errno = wanted_errno;
    return 1;
}

#define CALLER __builtin_return_address(0)

#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) { \
        real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name); \
    }

// An eventfd is an anonymous inode: no type in its mode.
static int
is_eventfd(int fd)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && (stat.st_mode & S_IFMT) == 0;
}

EXPORT int
socket(int family, int type, int protocol)
{
    REAL(socket)
    return fails(KIND_SOCKET, CALLER) ? -1 : real(family, type, protocol);
}

EXPORT int
bind(int fd, const struct sockaddr *address, socklen_t length)
{
    REAL(bind)
    return fails(KIND_NAME, CALLER) ? -1 : real(fd, address, length);
}

EXPORT int
listen(int fd, int backlog)
{
    REAL(listen)
    return fails(KIND_NAME, CALLER) ? -1 : real(fd, backlog);
}

EXPORT int
setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    REAL(setsockopt)
    return fails(KIND_NAME, CALLER) ? -1 : real(fd, level, name, value, length);
}

EXPORT int
getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    REAL(getsockopt)
    return fails(KIND_NAME, CALLER) ? -1 : real(fd, level, name, value, length);
}

EXPORT int
getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    REAL(getsockname)
    return fails(KIND_NAME, CALLER) ? -1 : real(fd, address, length);
}

EXPORT int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
    REAL(connect)
    // Nothing interrupts the connect of a local socket that does not block.
    if (wanted_errno == EINTR && address->sa_family == AF_UNIX) {
        return real(fd, address, length);
    }
    if (fails(KIND_CONNECT, CALLER)) {
        // Interrupted, the connect goes on by itself.
        if (errno == EINTR) {
            real(fd, address, length);
            errno = EINTR;
        }
        return -1;
    }
    return real(fd, address, length);
}

EXPORT int
accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    REAL(accept4)
    if (fails(KIND_ACCEPT, CALLER)) {
        // Aborted, the connection leaves the backlog.
        if (errno == ECONNABORTED) {
            int accepted = real(fd, NULL, NULL, SOCK_NONBLOCK);

            if (accepted < 0) {
                return -1;
            }
            close(accepted);
            errno = ECONNABORTED;
        }
        return -1;
    }
    return real(fd, address, length, flags);
}

EXPORT ssize_t
read(int fd, void *buffer, size_t length)
{
    REAL(read)
    if (is_library(CALLER) && is_eventfd(fd) && fails(KIND_WAKE, CALLER)) {
        return -1;
    }
    return real(fd, buffer, length);
}

EXPORT ssize_t
write(int fd, const void *buffer, size_t length)
{
    REAL(write)
    if (is_library(CALLER) && fd > 2 && is_eventfd(fd) && fails(KIND_WAKE, CALLER)) {
        return -1;
    }
    return real(fd, buffer, length);
}

EXPORT ssize_t
recv(int fd, void *buffer, size_t length, int flags)
{
    REAL(recv)
    return fails(KIND_READ, CALLER) ? -1 : real(fd, buffer, length, flags);
}

EXPORT ssize_t
readv(int fd, const struct iovec *pieces, int count)
{
    REAL(readv)
    return fails(KIND_READ, CALLER) ? -1 : real(fd, pieces, count);
}

EXPORT ssize_t
recvmsg(int fd, struct msghdr *message, int flags)
{
    REAL(recvmsg)
    return fails(KIND_READ, CALLER) ? -1 : real(fd, message, flags);
}

EXPORT int
recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout)
{
    REAL(recvmmsg)
    return fails(KIND_READ, CALLER) ? -1 : real(fd, messages, count, flags, timeout);
}

EXPORT ssize_t
send(int fd, const void *buffer, size_t length, int flags)
{
    REAL(send)
    return fails(KIND_WRITE, CALLER) ? -1 : real(fd, buffer, length, flags);
}

EXPORT ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg)
    return fails(KIND_WRITE, CALLER) ? -1 : real(fd, message, flags);
}

EXPORT int
sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
    REAL(sendmmsg)
    return fails(KIND_WRITE, CALLER) ? -1 : real(fd, messages, count, flags);
}

EXPORT int
epoll_create1(int flags)
{
    REAL(epoll_create1)
    return fails(KIND_EPOLL, CALLER) ? -1 : real(flags);
}

EXPORT int
epoll_ctl(int fd, int operation, int other, struct epoll_event *event)
{
    REAL(epoll_ctl)
    return operation == EPOLL_CTL_ADD && fails(KIND_EPOLL, CALLER) ? -1 : real(fd, operation, other, event);
}

EXPORT int
epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
    REAL(epoll_wait)
    return fails(KIND_WAIT, CALLER) ? -1 : real(fd, events, count, timeout);
}

EXPORT int
select(int count, fd_set *read, fd_set *write, fd_set *error, struct timeval *timeout)
{
    REAL(select)
    return fails(KIND_WAIT, CALLER) ? -1 : real(count, read, write, error, timeout);
}

EXPORT long
syscall(long number, ...)
{
    va_list list;
    long a[6];
    REAL(syscall)

    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        a[i] = va_arg(list, long);
    }
    va_end(list);
    if (number == SYS_epoll_pwait2 && fails(KIND_FINE_WAIT, CALLER)) {
        return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

EXPORT int
eventfd(unsigned int count, int flags)
{
    REAL(eventfd)
    return fails(KIND_EVENTFD, CALLER) ? -1 : real(count, flags);
}

EXPORT void *
mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap)
    return fails(KIND_MMAP, CALLER) ? MAP_FAILED : real(address, length, protection, flags, fd, offset);
}

EXPORT int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    REAL(pthread_create)
    return fails(KIND_THREAD, CALLER) ? errno : real(thread, attributes, start, argument);
}

// The heap. glibc's own names serve before dlsym works, which allocates itself.

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static void *
counted(void *block, void *caller)
{
    if (block != NULL && is_library(caller)) {
        atomic_fetch_add(&live_blocks, 1);
    }
    return block;
}

EXPORT void *
malloc(size_t size)
{
    return fails(KIND_MALLOC, CALLER) ? NULL : counted(__libc_malloc(size), CALLER);
}

EXPORT void *
calloc(size_t count, size_t size)
{
    return fails(KIND_MALLOC, CALLER) ? NULL : counted(__libc_calloc(count, size), CALLER);
}

EXPORT void *
realloc(void *block, size_t size)
{
    if (fails(KIND_MALLOC, CALLER)) {
        return NULL;
    }
    return block == NULL ? counted(__libc_realloc(block, size), CALLER) : __libc_realloc(block, size);
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
    return fails(KIND_MALLOC, CALLER) ? NULL : counted(__libc_memalign(alignment, size), CALLER);
}

EXPORT int
posix_memalign(void **block, size_t alignment, size_t size)
{
    int error = errno;

    if (fails(KIND_MALLOC, CALLER)) {
        errno = error;
        return ENOMEM;
    }
    *block = counted(__libc_memalign(alignment, size), CALLER);
    return *block == NULL ? ENOMEM : 0;
}

EXPORT void
free(void *block)
{
    if (block != NULL && is_library(CALLER)) {
        atomic_fetch_sub(&live_blocks, 1);
    }
    __libc_free(block);
}

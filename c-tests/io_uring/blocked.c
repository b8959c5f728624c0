// matrix: none
// io_uring that a filter forbids, or a kernel that has none: the protocol is not registered, the reason is in the
// log of whoever asks for it, and everything else works.

#include "../bind/flow.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void
forbid(int number, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int) number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int) error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        exit(77);
    }
}

static void
ask(void)
{
    struct flow flow = { .protocol = EVPL_STREAM_SOCKET_TCP };
    enum evpl_protocol_id id;

    test_init();
    CHECK_EQ(evpl_protocol_lookup(&id, "STREAM_IO_URING_TCP"), -1);
    CHECK_EQ(evpl_protocol_available(EVPL_STREAM_IO_URING_TCP), 0);
    flow.evpl     = test_evpl();
    flow.endpoint = flow_endpoint(&flow);
    flow.listener = evpl_listener_create();
    CHECK(evpl_connect(flow.evpl, EVPL_STREAM_IO_URING_TCP, NULL, flow.endpoint, side_notify, NULL, NULL) == NULL);
    CHECK_EQ(evpl_listen(flow.listener, EVPL_STREAM_IO_URING_TCP, flow.endpoint), -1);
    CHECK_EQ(evpl_listen(flow.listener, EVPL_STREAM_SOCKET_TCP, flow.endpoint), 0);
    flow_end(&flow);
}

static void
setup_forbidden(void *argument)
{
    forbid(SYS_io_uring_setup, *(int *) argument);
    ask();
}

static void
register_forbidden(void *argument)
{
    forbid(SYS_io_uring_register, *(int *) argument);
    ask();
}

int
main(void)
{
    static int eperm = EPERM, enosys = ENOSYS, enomem = ENOMEM, einval = EINVAL;

    CHECK_CHILD(setup_forbidden, &eperm, 0, "STREAM_IO_URING_TCP is not available: io_uring is ");
    CHECK_CHILD(setup_forbidden, &enosys, 0, "the kernel has no io_uring");
    CHECK_CHILD(setup_forbidden, &enomem, 0, "RLIMIT_MEMLOCK");
    CHECK_CHILD(setup_forbidden, &einval, 0, "too old");
    CHECK_CHILD(register_forbidden, &eperm, 0, "STREAM_IO_URING_TCP is not available: io_uring is ");
    return 0;
}

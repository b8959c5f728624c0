// matrix: mech
// Descriptors that cannot be watched and interests without a callback are the caller's bugs. Only
// epoll notices a second registration: select cannot tell it from a descriptor that was reused.
#include "../test.h"

static struct evpl *loop;
static struct evpl_fd_event event, second;

static void
on_ready(struct evpl *evpl, struct evpl_fd_event *unused)
{
    (void) evpl;
    (void) unused;
}

static void
start(void)
{
    test_init();
    loop = test_evpl();
}

static void
negative(void *unused)
{
    (void) unused;
    start();
    evpl_add_fd_event(loop, &event, -1, on_ready, NULL, NULL);
}

static void
twice(void *fds)
{
    start();
    evpl_add_fd_event(loop, &event, *(int *) fds, on_ready, NULL, NULL);
    evpl_add_fd_event(loop, &second, *(int *) fds, on_ready, NULL, NULL);
}

static void
read_interest(void *fds)
{
    start();
    evpl_add_fd_event(loop, &event, *(int *) fds, NULL, on_ready, NULL);
    evpl_fd_event_read_interest(loop, &event);
}

static void
write_interest(void *fds)
{
    start();
    evpl_add_fd_event(loop, &event, *(int *) fds, on_ready, NULL, NULL);
    evpl_fd_event_write_interest(loop, &event);
}

int
main(void)
{
    int fds[2];

    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    CHECK_ABORTS(negative, NULL, "evpl_add_fd_event");
    CHECK_ABORTS(read_interest, fds, "evpl_fd_event_read_interest");
    CHECK_ABORTS(write_interest, fds, "evpl_fd_event_write_interest");
    if (test_core_mech() != EVPL_CORE_MECH_SELECT) {
        CHECK_ABORTS(twice, fds, "evpl_add_fd_event");
    }
    return 0;
}

// A read callback may remove and free its event; with write readiness pending too, no more follows.
#include <sys/socket.h>

#include "../test.h"

static int calls;

static void
on_ready(struct evpl *evpl, struct evpl_fd_event *event)
{
    calls++;
    evpl_remove_fd_event(evpl, event);
    test_page_free(event);
}

int
main(void)
{
    struct evpl_fd_event *event = test_page_alloc();
    struct evpl *evpl;
    int fds[2];

    test_init();
    evpl = test_evpl();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK_EQ(write(fds[1], "a", 1), 1);
    close(fds[1]);
    evpl_add_fd_event(evpl, event, fds[0], on_ready, on_ready, on_ready);
    evpl_fd_event_read_interest(evpl, event);
    evpl_fd_event_write_interest(evpl, event);
    RUN_UNTIL(evpl, calls == 1, 1000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 1);
    evpl_destroy(evpl);
    return 0;
}

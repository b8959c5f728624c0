// Three bytes read one at a time take four calls; a drained event is quiet; mark_readable revives it.
#include "../test.h"

static int calls, drained;
static ssize_t got_last;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    char byte;

    calls++;
    got_last = read(evpl_fd_event_fd(event), &byte, 1);
    if (got_last < 0) {
        CHECK(errno == EAGAIN);
        drained++;
        evpl_fd_event_mark_unreadable(evpl, event);
    }
}

int
main(void)
{
    struct evpl_fd_event event;
    struct evpl *evpl;
    int fds[2];

    memset(&event, 0xaa, sizeof(event));
    test_init();
    evpl = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &event, fds[0], on_read, NULL, NULL);
    CHECK_EQ(evpl_fd_event_fd(&event), fds[0]);
    CHECK_EQ(write(fds[1], "abc", 3), 3);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(calls, 0);
    evpl_fd_event_read_interest(evpl, &event);
    for (int i = 1; i <= 4; i++) {
        RUN_UNTIL(evpl, calls == i, 1000);
        CHECK_EQ(drained, i == 4);
    }
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 4);

    CHECK_EQ(write(fds[1], "d", 1), 1);
    RUN_UNTIL(evpl, calls == 6, 1000);
    CHECK_EQ(drained, 2);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 6);

    evpl_fd_event_mark_readable(evpl, &event);
    RUN_UNTIL(evpl, calls == 7, 1000);
    CHECK_EQ(drained, 3);
    evpl_remove_fd_event(evpl, &event);
    CHECK_EQ(write(fds[1], "e", 1), 1);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(calls, 7);
    CHECK(fcntl(fds[0], F_GETFD) >= 0);
    evpl_destroy(evpl);
    return 0;
}

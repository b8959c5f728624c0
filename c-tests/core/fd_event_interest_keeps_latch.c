// Disinterest stops delivery and keeps what is known; interest then delivers without news.
#include "../test.h"

static int calls;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    (void) evpl;
    (void) event;
    calls++;
}

int
main(void)
{
    struct evpl_fd_event event;
    struct evpl *evpl;
    int fds[2];

    test_init();
    evpl = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &event, fds[0], on_read, NULL, NULL);
    evpl_fd_event_read_interest(evpl, &event);
    CHECK_EQ(write(fds[1], "a", 1), 1);
    RUN_UNTIL(evpl, calls == 1, 1000);
    evpl_fd_event_read_disinterest(evpl, &event);
    evpl_fd_event_read_disinterest(evpl, &event);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 1);
    evpl_fd_event_read_interest(evpl, &event);
    evpl_continue(evpl);
    CHECK_EQ(calls, 2);
    evpl_remove_fd_event(evpl, &event);
    evpl_destroy(evpl);
    return 0;
}

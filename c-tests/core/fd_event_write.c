// The write callback fires for a writable descriptor, and is quiet after disinterest.
#include "../test.h"

static int calls;

static void
on_write(struct evpl *evpl, struct evpl_fd_event *event)
{
    (void) evpl;
    (void) event;
    calls++;
}

static void
on_write_until_full(struct evpl *evpl, struct evpl_fd_event *event)
{
    static char block[65536];

    calls++;
    while (write(evpl_fd_event_fd(event), block, sizeof(block)) > 0) {
    }
    CHECK(errno == EAGAIN);
    evpl_fd_event_mark_unwritable(evpl, event);
}

int
main(void)
{
    static char block[65536];
    struct evpl_fd_event event;
    struct evpl *evpl;
    int fds[2];

    test_init();
    evpl = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &event, fds[1], NULL, on_write, NULL);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(calls, 0);
    evpl_fd_event_write_interest(evpl, &event);
    RUN_UNTIL(evpl, calls == 3, 1000);
    evpl_fd_event_write_disinterest(evpl, &event);
    evpl_fd_event_mark_unwritable(evpl, &event);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 3);
    evpl_remove_fd_event(evpl, &event);

    calls = 0;
    evpl_add_fd_event(evpl, &event, fds[1], NULL, on_write_until_full, NULL);
    evpl_fd_event_write_interest(evpl, &event);
    RUN_UNTIL(evpl, calls == 1, 1000);
    RUN_PASSES(evpl, 5);
    CHECK_EQ(calls, 1);
    while (read(fds[0], block, sizeof(block)) > 0) {
    }
    RUN_UNTIL(evpl, calls == 2, 1000);
    evpl_remove_fd_event(evpl, &event);
    evpl_destroy(evpl);
    return 0;
}

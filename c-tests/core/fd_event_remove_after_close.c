// A descriptor closed before its event is removed, and then reused, does no harm.
#include "../test.h"

static int stale, calls;

static void
on_stale(struct evpl *evpl, struct evpl_fd_event *event)
{
    (void) evpl;
    (void) event;
    stale++;
}

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    calls++;
    evpl_remove_fd_event(evpl, event);
}

int
main(void)
{
    struct evpl_fd_event old, new;
    struct evpl *evpl;
    int fds[2], again[2];

    test_log_capture();
    test_init();
    evpl = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &old, fds[0], on_stale, NULL, NULL);
    evpl_fd_event_read_interest(evpl, &old);
    evpl_continue(evpl);
    close(fds[0]);
    close(fds[1]);
    evpl_remove_fd_event(evpl, &old);
    memset(&old, 0xee, sizeof(old));
    CHECK(pipe2(again, O_NONBLOCK) == 0);
    CHECK_EQ(again[0], fds[0]);
    evpl_add_fd_event(evpl, &new, again[0], on_read, NULL, NULL);
    evpl_fd_event_read_interest(evpl, &new);
    CHECK_EQ(write(again[1], "a", 1), 1);
    RUN_UNTIL(evpl, calls == 1, 1000);
    CHECK_EQ(stale, 0);
    CHECK_EQ(test_log_errors, 0);
    evpl_destroy(evpl);
    return 0;
}

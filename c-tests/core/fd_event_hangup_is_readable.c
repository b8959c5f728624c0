// The end of a pipe reaches the read callback, on every mechanism.
#include "../test.h"

static int calls, errors;
static ssize_t got = -1;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    char byte;

    calls++;
    got = read(evpl_fd_event_fd(event), &byte, 1);
    evpl_remove_fd_event(evpl, event);
}

static void
on_error(struct evpl *evpl, struct evpl_fd_event *event)
{
    (void) evpl;
    (void) event;
    errors++;
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
    evpl_add_fd_event(evpl, &event, fds[0], on_read, NULL, on_error);
    evpl_fd_event_read_interest(evpl, &event);
    RUN_PASSES(evpl, 2);
    CHECK(calls == 0 && errors == 0);
    close(fds[1]);
    RUN_UNTIL(evpl, calls == 1, 1000);
    CHECK_EQ(got, 0);
    evpl_destroy(evpl);
    return 0;
}

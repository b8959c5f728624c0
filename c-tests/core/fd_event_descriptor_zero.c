// Descriptor 0 is as good as any.
#include "../test.h"

static int calls;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    char byte;

    CHECK_EQ(evpl_fd_event_fd(event), 0);
    calls++;
    CHECK_EQ(read(0, &byte, 1), 1);
    evpl_remove_fd_event(evpl, event);
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
    CHECK_EQ(dup2(fds[0], 0), 0);
    evpl_add_fd_event(evpl, &event, 0, on_read, NULL, NULL);
    evpl_fd_event_read_interest(evpl, &event);
    CHECK_EQ(write(fds[1], "a", 1), 1);
    RUN_UNTIL(evpl, calls == 1, 1000);
    evpl_destroy(evpl);
    return 0;
}

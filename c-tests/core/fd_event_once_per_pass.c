// While data is left the read callback runs once in each pass, and no pass blocks.
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
    uint64_t start;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, 5000);
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &event, fds[0], on_read, NULL, NULL);
    evpl_fd_event_read_interest(evpl, &event);
    evpl_fd_event_read_interest(evpl, &event);
    CHECK_EQ(write(fds[1], "abc", 3), 3);
    start = test_now_ns();
    for (int i = 1; i <= 20; i++) {
        evpl_continue(evpl);
        CHECK_EQ(calls, i);
    }
    CHECK(test_now_ns() - start < 2000000000ULL);
    evpl_remove_fd_event(evpl, &event);
    evpl_destroy(evpl);
    return 0;
}

// Of several ready events the first to run removes the second; all others still run, once a pass.
#include "../test.h"

#define COUNT 8

static struct evpl_fd_event *events[COUNT];
static int calls[COUNT], removed = -1;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    int self = 0;

    while (events[self] != event) {
        self++;
    }
    calls[self]++;
    if (removed < 0) {
        removed = (self + 1) % COUNT;
        evpl_remove_fd_event(evpl, events[removed]);
        test_page_free(events[removed]);
    }
}

int
main(void)
{
    struct evpl *evpl;
    int fds[2];

    test_init();
    evpl = test_evpl();
    for (int i = 0; i < COUNT; i++) {
        events[i] = test_page_alloc();
        CHECK(pipe2(fds, O_NONBLOCK) == 0);
        CHECK_EQ(write(fds[1], "a", 1), 1);
        evpl_add_fd_event(evpl, events[i], fds[0], on_read, NULL, NULL);
        evpl_fd_event_read_interest(evpl, events[i]);
    }
    for (int pass = 1; pass <= 10; pass++) {
        evpl_continue(evpl);
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ(calls[i], i == removed ? 0 : pass);
        }
    }
    evpl_destroy(evpl);
    return 0;
}

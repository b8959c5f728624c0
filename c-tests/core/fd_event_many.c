// More ready events than one kernel wait reports are all served.
#include "../test.h"

static struct evpl_fd_event events[400];
static int calls[400], total;

static void
on_read(struct evpl *evpl, struct evpl_fd_event *event)
{
    char byte;

    calls[event - events]++;
    total++;
    CHECK_EQ(read(evpl_fd_event_fd(event), &byte, 1), 1);
    evpl_fd_event_mark_unreadable(evpl, event);
}

int
main(void)
{
    struct evpl *evpl;
    int fds[2], count = 400;

    test_init();
    evpl = test_evpl();
    for (int i = 0; i < count; i++) {
        CHECK(pipe2(fds, O_NONBLOCK) == 0);
        CHECK_EQ(write(fds[1], "a", 1), 1);
        evpl_add_fd_event(evpl, &events[i], fds[0], on_read, NULL, NULL);
        evpl_fd_event_read_interest(evpl, &events[i]);
    }
    RUN_UNTIL(evpl, total == count, 3000);
    RUN_PASSES(evpl, 3);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(calls[i], 1);
    }
    evpl_destroy(evpl);
    return 0;
}

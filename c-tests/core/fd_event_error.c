// matrix: mode
// With epoll a hang-up runs the error callback although no interest is armed.
#include "../test.h"

static int errors;

static void
on_error(struct evpl *evpl, struct evpl_fd_event *event)
{
    errors++;
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
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, event, fds[1], NULL, NULL, on_error);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(errors, 0);
    close(fds[0]);
    RUN_UNTIL(evpl, errors == 1, 1000);
    RUN_PASSES(evpl, 3);
    CHECK_EQ(errors, 1);
    evpl_destroy(evpl);
    return 0;
}

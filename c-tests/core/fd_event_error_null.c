// A missing error callback is skipped.
#include "../test.h"

int
main(void)
{
    struct evpl_fd_event event;
    struct evpl *evpl;
    int fds[2];

    test_init();
    evpl = test_evpl();
    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    evpl_add_fd_event(evpl, &event, fds[1], NULL, NULL, NULL);
    close(fds[0]);
    RUN_PASSES(evpl, 5);
    evpl_remove_fd_event(evpl, &event);
    evpl_destroy(evpl);
    return 0;
}

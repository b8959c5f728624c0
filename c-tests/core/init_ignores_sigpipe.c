// matrix: none
// A write to a closed pipe is an error and not the end of the process.
#include "../test.h"

int
main(void)
{
    struct sigaction action;

    signal(SIGPIPE, SIG_DFL);
    evpl_init(NULL);
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
    CHECK(action.sa_handler == SIG_IGN);
    return 0;
}

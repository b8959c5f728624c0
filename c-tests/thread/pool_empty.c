// matrix: none
// A pool of no threads, or fewer, is empty.
#include "../test.h"

static void *
never(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    CHECK(0);
    return NULL;
}

int
main(void)
{
    struct evpl_threadpool *empty = evpl_threadpool_create(NULL, 0, never, NULL, NULL);
    struct evpl_threadpool *fewer = evpl_threadpool_create(NULL, -3, never, NULL, NULL);

    CHECK(empty != NULL && fewer != NULL);
    evpl_threadpool_destroy(empty);
    evpl_threadpool_destroy(fewer);
    return 0;
}

// evpl_stop from another thread wakes a loop that waits without bound.
#include "../test.h"

static void *
stop(void *evpl)
{
    test_sleep_ms(50);
    evpl_stop(evpl);
    return NULL;
}

int
main(void)
{
    pthread_t thread;
    struct evpl *evpl;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    CHECK(pthread_create(&thread, NULL, stop, evpl) == 0);
    evpl_run(evpl);
    pthread_join(thread, NULL);
    evpl_destroy(evpl);
    return 0;
}

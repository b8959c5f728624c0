// A program that gives its thread configs away and never frees them is fine too.
#include "../test.h"

int
main(void)
{
    test_init();
    for (int i = 0; i < 200; i++) {
        struct evpl_thread_config *config = evpl_thread_config_init();

        evpl_thread_config_set_wait_ms(config, i);
        evpl_destroy(evpl_create(config));
    }
    evpl_threadpool_destroy(evpl_threadpool_create(evpl_thread_config_init(), 3, NULL, NULL, NULL));
    return 0;
}

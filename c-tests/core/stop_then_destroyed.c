// The loop's owner may destroy it as soon as evpl_run returns, while evpl_stop is still on its way back
// on another thread.

#include "../test.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROUNDS 1500

static _Atomic(struct evpl *) running;

static void *
stop_each(void *arg)
{
    (void) arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct evpl *evpl;

        while ((evpl = atomic_exchange(&running, NULL)) == NULL) {
        }
        evpl_stop(evpl);
    }
    return NULL;
}

int
main(void)
{
    pthread_t thread;

    evpl_init(test_config());
    CHECK(pthread_create(&thread, NULL, stop_each, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct evpl *evpl = test_evpl();

        atomic_store(&running, evpl);
        evpl_run(evpl);
        evpl_destroy(evpl);
    }
    pthread_join(thread, NULL);
    return 0;
}

// matrix: none
// Many threads that initialise at once get one library.
#include "../test.h"

#define THREADS 16

static pthread_barrier_t barrier;

static void *
create_one(void *unused)
{
    struct evpl *evpl;

    (void) unused;
    pthread_barrier_wait(&barrier);
    CHECK(evpl_protocol_available(EVPL_STREAM_SOCKET_TCP) == 1);
    evpl = test_evpl();
    RUN_PASSES(evpl, 2);
    evpl_destroy(evpl);
    return NULL;
}

int
main(void)
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, create_one, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

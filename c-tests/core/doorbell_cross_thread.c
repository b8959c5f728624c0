// Rings of other threads reach a loop that waits without bound, with all that was written before.
#include "../test.h"

#define THREADS 4
#define ROUNDS 500

static struct evpl_doorbell doorbell;
static int posted[THREADS], seen[THREADS], done;

static void
ring(struct evpl *evpl, struct evpl_doorbell *self)
{
    int complete = 0;

    (void) self;
    for (int i = 0; i < THREADS; i++) {
        seen[i] = __atomic_load_n(&posted[i], __ATOMIC_RELAXED);
        complete += seen[i] == ROUNDS;
    }
    if (complete == THREADS) {
        done = 1;
        evpl_stop(evpl);
    }
}

static void *
poster(void *counter)
{
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add((int *) counter, 1, __ATOMIC_RELAXED);
        evpl_ring_doorbell(&doorbell);
        if (i % 50 == 0) {
            test_sleep_ms(1);
        }
    }
    return NULL;
}

int
main(void)
{
    pthread_t threads[THREADS];
    struct evpl *evpl;

    test_init();
    evpl = test_evpl_with(!test_event_mode(), 1000, -1);
    evpl_add_doorbell(evpl, &doorbell, ring);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, poster, &posted[i]) == 0);
    }
    evpl_run(evpl);
    CHECK(done);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    evpl_remove_doorbell(evpl, &doorbell);
    evpl_destroy(evpl);
    return 0;
}

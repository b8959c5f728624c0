// matrix: none
// Endpoints can be made, shared, used and closed by many threads.
#include "../test.h"

static struct evpl_endpoint *shared;

static void
notify(struct evpl *evpl, struct evpl_bind *bind, struct evpl_notify *event, void *closed)
{
    (void) evpl;
    (void) bind;
    *(int *) closed += event->notify_type == EVPL_NOTIFY_DISCONNECTED;
}

static void *
use(void *unused)
{
    struct evpl *evpl = test_evpl();
    int closed        = 0;

    for (int i = 0; i < 200; i++) {
        struct evpl_endpoint *own = evpl_endpoint_create("127.0.0.1", i);

        CHECK_EQ(evpl_endpoint_port(own), i);
        CHECK(evpl_connect(evpl, EVPL_STREAM_INPROC, NULL, shared, notify, NULL, &closed) != NULL);
        CHECK_EQ(evpl_endpoint_is_inproc(shared), 1);
        evpl_endpoint_close(own);
    }
    RUN_UNTIL(evpl, closed == 200, 5000);
    evpl_destroy(evpl);
    return unused;
}

int
main(void)
{
    pthread_t threads[4];

    test_init();
    shared = evpl_endpoint_create_inproc("nobody listens here");
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, use, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    evpl_endpoint_close(shared);
    return 0;
}

// init runs on the new thread before create returns; its result is what shutdown gets.
#include "../test.h"

static int argument, result, inits, shutdowns;
static pthread_t thread_of_init;
static struct evpl *loop;

static void *
init(struct evpl *evpl, void *private_data)
{
    CHECK(private_data == &argument);
    CHECK(evpl != NULL);
    test_sleep_ms(20);
    loop           = evpl;
    thread_of_init = pthread_self();
    inits++;
    return &result;
}

static void
shutdown(struct evpl *evpl, void *private_data)
{
    CHECK(private_data == &result);
    CHECK(evpl == loop);
    CHECK(pthread_equal(pthread_self(), thread_of_init));
    shutdowns++;
}

int
main(void)
{
    struct evpl_thread *thread;

    test_init();
    thread = evpl_thread_create(test_thread_config(), init, shutdown, &argument);
    CHECK(thread != NULL);
    CHECK(inits == 1 && shutdowns == 0);
    CHECK(!pthread_equal(pthread_self(), thread_of_init));
    test_sleep_ms(20);
    CHECK_EQ(shutdowns, 0);
    evpl_thread_destroy(thread);
    CHECK(inits == 1 && shutdowns == 1);
    return 0;
}

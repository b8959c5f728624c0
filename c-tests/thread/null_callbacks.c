// Without init, shutdown gets the creator's data; both may be missing.
#include "../test.h"

static int argument, shutdowns;

static void
shutdown(struct evpl *evpl, void *private_data)
{
    (void) evpl;
    CHECK(private_data == &argument);
    shutdowns++;
}

static void *
init(struct evpl *evpl, void *private_data)
{
    (void) evpl;
    return private_data;
}

int
main(void)
{
    test_init();
    evpl_thread_destroy(evpl_thread_create(NULL, NULL, shutdown, &argument));
    CHECK_EQ(shutdowns, 1);
    evpl_thread_destroy(evpl_thread_create(NULL, init, NULL, &argument));
    evpl_thread_destroy(evpl_thread_create(NULL, NULL, NULL, NULL));
    CHECK_EQ(shutdowns, 1);
    return 0;
}

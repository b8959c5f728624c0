// A deferral armed by another one runs in the same pass, however long the chain.
#include "../test.h"

#define COUNT 100

static struct evpl_deferral deferrals[COUNT];
static int ran;

static void
run(struct evpl *evpl, void *private_data)
{
    struct evpl_deferral *self = private_data;

    ran++;
    if (self + 1 < deferrals + COUNT) {
        evpl_defer(evpl, self + 1);
    }
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    for (int i = 0; i < COUNT; i++) {
        evpl_deferral_init(&deferrals[i], run, &deferrals[i]);
    }
    evpl_defer(evpl, &deferrals[0]);
    evpl_continue(evpl);
    CHECK_EQ(ran, COUNT);
    evpl_destroy(evpl);
    return 0;
}

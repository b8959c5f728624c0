// Deferrals run in the order in which they were armed, in the next pass when armed outside one.
#include "../test.h"

#define COUNT 1000

static struct evpl_deferral deferrals[COUNT];
static int order[COUNT], ran;

static void
run(struct evpl *evpl, void *private_data)
{
    (void) evpl;
    order[ran++] = (int) ((struct evpl_deferral *) private_data - deferrals);
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
    for (int i = 0; i < COUNT; i++) {
        evpl_defer(evpl, &deferrals[i * 7 % COUNT]);
    }
    CHECK_EQ(ran, 0);
    evpl_continue(evpl);
    CHECK_EQ(ran, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(order[i], i * 7 % COUNT);
    }
    evpl_continue(evpl);
    CHECK_EQ(ran, COUNT);
    evpl_destroy(evpl);
    return 0;
}

// The doorbells of a loop are bound by the descriptors of the process alone, with select as well.
#include <sys/resource.h>

#include "../test.h"

static int rung[2000], total;
static struct evpl_doorbell doorbells[2000];

static void
ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    (void) evpl;
    rung[doorbell - doorbells]++;
    total++;
}

int
main(void)
{
    int count            = 2000;
    struct rlimit limits = { 0 };
    struct evpl *evpl;

    CHECK(getrlimit(RLIMIT_NOFILE, &limits) == 0);
    limits.rlim_cur = limits.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limits) == 0);
    if (limits.rlim_cur < 2100) {
        SKIP("fewer than 2100 descriptors are allowed");
    }
    test_init();
    evpl = test_evpl();
    for (int i = 0; i < count; i++) {
        evpl_add_doorbell(evpl, &doorbells[i], ring);
    }
    for (int i = 0; i < count; i++) {
        evpl_ring_doorbell(&doorbells[i]);
    }
    RUN_UNTIL(evpl, total == count, 5000);
    RUN_PASSES(evpl, 3);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(rung[i], 1);
    }
    for (int i = 0; i < count; i += 2) {
        evpl_remove_doorbell(evpl, &doorbells[i]);
    }
    for (int i = 1; i < count; i += 2) {
        evpl_ring_doorbell(&doorbells[i]);
    }
    RUN_UNTIL(evpl, total == count + count / 2, 5000);
    for (int i = 1; i < count; i += 2) {
        evpl_remove_doorbell(evpl, &doorbells[i]);
    }
    evpl_destroy(evpl);
    return 0;
}

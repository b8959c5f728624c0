// matrix: mech
// spin_ns is not cut to 32 bits.
#include "../test.h"

static int left;

static void
leave(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    left++;
}

static void
poll_once(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl *evpl;

    evpl_global_config_set_virtual_clock(config, 1);
    evpl_global_config_set_spin_ns(config, 0x100000010ULL);
    evpl_init(config);
    evpl = test_evpl_with(1, 3, -1);
    evpl_add_poll(evpl, NULL, leave, poll_once, NULL);
    evpl_continue(evpl);
    evpl_virtual_clock_advance(0x100000010ULL);
    RUN_PASSES(evpl, 8);
    CHECK_EQ(left, 0);
    evpl_virtual_clock_advance(1);
    RUN_PASSES(evpl, 8);
    CHECK_EQ(left, 1);
    evpl_destroy(evpl);
    return 0;
}

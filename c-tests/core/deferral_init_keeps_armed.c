// evpl_deferral_init leaves the armed mark alone, so initialising twice does not arm twice.
#include "../test.h"

static struct evpl_deferral deferral;
static int first_ran, second_ran;

static void
first(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    first_ran++;
}

static void
second(struct evpl *evpl, void *unused)
{
    (void) evpl;
    (void) unused;
    second_ran++;
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_deferral_init(&deferral, first, NULL);
    evpl_defer(evpl, &deferral);
    evpl_deferral_init(&deferral, second, NULL);
    CHECK(deferral.armed != 0);
    evpl_defer(evpl, &deferral);
    RUN_PASSES(evpl, 2);
    CHECK_EQ(first_ran + second_ran, 1);
    CHECK_EQ(second_ran, 1);
    evpl_destroy(evpl);
    return 0;
}

// Arming an armed deferral changes nothing: it runs once, in its first place.
#include "../test.h"

static char log_text[16];
static struct evpl_deferral a, b;

static void
run(struct evpl *evpl, void *name)
{
    (void) evpl;
    strcat(log_text, name);
}

int
main(void)
{
    struct evpl *evpl;

    test_init();
    evpl = test_evpl();
    evpl_deferral_init(&a, run, "a");
    evpl_deferral_init(&b, run, "b");
    CHECK_EQ(a.armed, 0);
    evpl_defer(evpl, &a);
    CHECK(a.armed != 0);
    evpl_defer(evpl, &b);
    evpl_defer(evpl, &a);
    evpl_defer(evpl, &a);
    evpl_continue(evpl);
    CHECK_STR(log_text, "ab");
    CHECK_EQ(a.armed, 0);
    CHECK_EQ(b.armed, 0);
    evpl_destroy(evpl);
    return 0;
}

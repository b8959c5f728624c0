// Hooks get their private data, and each of the three may be NULL.
#include "../test.h"

static int private_data, calls;

static void
hook(struct evpl *evpl, void *data)
{
    CHECK(evpl != NULL);
    CHECK(data == &private_data);
    calls++;
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    evpl = test_evpl();
    for (int i = 0; i < 8; i++) {
        struct evpl_loop_hooks hooks = {
            i & 1 ? hook : NULL, i & 2 ? hook : NULL, i & 4 ? hook : NULL, &private_data
        };

        calls = 0;
        evpl_set_loop_hooks(evpl, &hooks);
        evpl_continue(evpl);
        CHECK_EQ(calls, (i & 1) + (i >> 1 & 1) + (i >> 2 & 1));
    }
    evpl_destroy(evpl);
    return 0;
}

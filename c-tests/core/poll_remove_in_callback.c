// matrix: mech
// Polls removed inside a poll callback are not called again; no other is skipped or called twice.
#include "../test.h"

#define COUNT 6

static struct evpl_poll *handles[COUNT];
static int polled[COUNT], killer, victim;

static void
poll_once(struct evpl *evpl, void *counter)
{
    int self = (int) ((int *) counter - polled);

    polled[self]++;
    if (self == killer && handles[victim] != NULL) {
        evpl_remove_poll(evpl, handles[victim]);
        handles[victim] = NULL;
    }
}

int
main(void)
{
    struct evpl *evpl;

    test_init_virtual();
    for (killer = 0; killer < COUNT; killer++) {
        for (victim = 0; victim < COUNT; victim++) {
            evpl = test_evpl_with(1, 1000, -1);
            memset(polled, 0, sizeof(polled));
            for (int i = 0; i < COUNT; i++) {
                handles[i] = evpl_add_poll(evpl, NULL, NULL, poll_once, &polled[i]);
            }
            evpl_continue(evpl);
            for (int pass = 1; pass <= 3; pass++) {
                evpl_continue(evpl);
                for (int i = 0; i < COUNT; i++) {
                    CHECK_EQ(polled[i], i == victim ? victim <= killer : pass);
                }
            }
            evpl_destroy(evpl);
        }
    }
    return 0;
}

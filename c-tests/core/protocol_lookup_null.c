// matrix: none
// No protocol goes by a NULL name; without a place for the id a lookup is the caller's bug.
#include "../test.h"

static void
no_id(void *unused)
{
    (void) unused;
    evpl_protocol_lookup(NULL, "STREAM_SOCKET_TCP");
}

int
main(void)
{
    enum evpl_protocol_id id = (enum evpl_protocol_id) 77;

    CHECK_ABORTS(no_id, NULL, "evpl_protocol_lookup");
    CHECK_EQ(evpl_protocol_lookup(&id, NULL), -1);
    CHECK_EQ(id, 77);
    return 0;
}

// matrix: none
// A lookup without a name or a place for the id ends the process with the function's name.
#include "../test.h"

static void
no_name(void *unused)
{
    enum evpl_protocol_id id;

    (void) unused;
    evpl_protocol_lookup(&id, NULL);
}

static void
no_id(void *unused)
{
    (void) unused;
    evpl_protocol_lookup(NULL, "STREAM_SOCKET_TCP");
}

int
main(void)
{
    CHECK_ABORTS(no_name, NULL, "evpl_protocol_lookup");
    CHECK_ABORTS(no_id, NULL, "evpl_protocol_lookup");
    return 0;
}

// matrix: none
// A device that cannot be opened is NULL, with any protocol id, and the process goes on.
#include "../test.h"

int
main(void)
{
    test_log_capture();
    test_init();
    for (int id = -1; id <= EVPL_NUM_BLOCK_PROTOCOL + 1; id++) {
        CHECK(evpl_block_open_device((enum evpl_block_protocol_id) id, "/nonexistent/device") ==
              NULL);
    }
    evpl_destroy(test_evpl());
    return 0;
}

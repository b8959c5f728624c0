// expect: exit 134 stderr=evpl_listener_detach

// Detaching NULL is the caller's bug, and says so.

#include "counters.h"

int
main(void)
{
    test_init();
    evpl_listener_detach(test_evpl(), NULL);
    return 0;
}

// Loops come and go without leaving descriptors.
#include "../test.h"

int
main(void)
{
    struct evpl *loops[20];
    int before;

    test_init();
    evpl_destroy(test_evpl());
    before = test_fd_count();
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 20; i++) {
            loops[i] = test_evpl();
        }
        for (int i = 0; i < 20; i++) {
            evpl_destroy(loops[(i * 7 + round) % 20]);
        }
        CHECK_EQ(test_fd_count(), before);
    }
    return 0;
}

// matrix: none
// A buffer too small for the text and its NUL gives -1, and nothing beyond it is written.
#include "../test.h"

int
main(void)
{
    static char whole[65536], small[65536];
    int length = evpl_metrics_scrape(whole, sizeof(whole));

    CHECK(length > 100);
    CHECK_EQ(evpl_metrics_scrape(NULL, 1000), -1);
    CHECK_EQ(evpl_metrics_scrape(small, 0), -1);
    CHECK_EQ(evpl_metrics_scrape(small, -1), -1);
    for (int size = 1; size <= length + 2; size += size < length - 3 ? 37 : 1) {
        memset(small, 0x55, sizeof(small));
        CHECK_EQ(evpl_metrics_scrape(small, size), size > length ? length : -1);
        for (int i = size; i < length + 64; i++) {
            CHECK_EQ(small[i], 0x55);
        }
    }
    CHECK_EQ(evpl_metrics_scrape(small, length + 1), length);
    CHECK_STR(small, whole);
    return 0;
}

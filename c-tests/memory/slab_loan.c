// matrix: none
// A loaned slab is page aligned, writable to its end and has a handle; no two overlap.
#include "../test.h"

int
main(void)
{
    struct evpl_global_config *config = test_config();
    void *first_handle = NULL, *second_handle = NULL;
    char *first, *second;
    uint64_t size;

    evpl_global_config_set_slab_size(config, 8 << 20);
    evpl_init(config);
    size = evpl_get_slab_size();
    CHECK_EQ(size, 8 << 20);
    first  = evpl_slab_alloc(&first_handle);
    second = evpl_slab_alloc(&second_handle);
    CHECK(first != NULL && second != NULL);
    CHECK(first_handle != NULL && second_handle != NULL && first_handle != second_handle);
    CHECK_EQ((uintptr_t) first % 4096, 0);
    CHECK(first + size <= second || second + size <= first);
    memset(first, 1, size);
    memset(second, 2, size);
    CHECK_EQ(first[size - 1], 1);
    return 0;
}

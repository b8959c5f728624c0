// matrix: none
// The allocation helpers share libc's heap; what cannot be had ends the process with 1.
#include <malloc.h>

#include "../test.h"

void *evpl_malloc(unsigned int size);
void *evpl_zalloc(unsigned int size);
void *evpl_calloc(unsigned int count, unsigned int size);
void *evpl_realloc(void *memory, unsigned int size);
void *evpl_valloc(unsigned int size, unsigned int alignment);
void evpl_free(void *memory);

static void
calloc_overflow(void *unused)
{
    (void) unused;
    evpl_calloc(0xffffffffu, 0xffffffffu);
}

int
main(void)
{
    char *memory = evpl_malloc(100);

    CHECK(memory != NULL && malloc_usable_size(memory) >= 100);
    strcpy(memory, "kept");
    memory = evpl_realloc(memory, 100000);
    CHECK_STR(memory, "kept");
    free(memory);
    evpl_free(strdup("libc's"));
    evpl_free(NULL);
    memory = evpl_realloc(NULL, 10);
    CHECK(memory != NULL);
    evpl_free(memory);
    for (int i = 0; i < 100; i++) {
        memory = evpl_malloc(1000);
        memset(memory, 0xff, 1000);
        evpl_free(memory);
        memory = i % 2 ? evpl_zalloc(1000) : evpl_calloc(10, 100);
        for (int byte = 0; byte < 1000; byte++) {
            CHECK_EQ(memory[byte], 0);
        }
        evpl_free(memory);
    }
    for (unsigned int alignment = sizeof(void *); alignment <= 65536; alignment *= 2) {
        memory = evpl_valloc(alignment + 1, alignment);
        CHECK_EQ((uintptr_t) memory % alignment, 0);
        CHECK(malloc_usable_size(memory) >= 2 * alignment);
        evpl_free(memory);
    }
    CHECK_CHILD(calloc_overflow, NULL, 1, "level=fatal");
    return 0;
}

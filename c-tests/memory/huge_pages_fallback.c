// matrix: none
// Where huge pages cannot be had, base pages serve; one info line says so.
#include "../test.h"

static int infos;

static void
sink(const char *level, const char *module, const char *srcfile, int lineno, const char *fmt,
     va_list argp)
{
    (void) module;
    (void) srcfile;
    (void) lineno;
    (void) fmt;
    (void) argp;
    infos += strcmp(level, "info") == 0;
    CHECK(strcmp(level, "error") != 0);
}

int
main(void)
{
    struct evpl_global_config *config = test_config();
    struct evpl_iovec iovec;
    void *loan;

    evpl_set_log_fn(sink, NULL);
    evpl_global_config_set_huge_pages(config, 1);
    evpl_global_config_set_slab_size(config, 64 << 20);
    evpl_init(config);
    evpl_iovec_alloc_global(NULL, &iovec);
    CHECK_EQ((uintptr_t) iovec.data % 4096, 0);
    CHECK(infos <= 1);
    CHECK(evpl_slab_alloc(&loan) != NULL);
    CHECK(evpl_slab_alloc(&loan) != NULL);
    CHECK(infos <= 1);
    if (infos == 1) {
        memset(iovec.data, 1, iovec.length);
    }
    evpl_iovec_release(NULL, &iovec);
    return 0;
}

// matrix: none
// These calls work before evpl_init and do not stand in for it.
#include "../test.h"

void *evpl_malloc(unsigned int size);
void evpl_free(void *memory);
void evpl_tls_set_alpn_protocols(const char *const *protocols, int count);
void evpl_info(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

int
main(void)
{
    struct evpl_global_config *unused = evpl_global_config_init();
    struct evpl_global_config *config = evpl_global_config_init();
    struct evpl_thread_config *thread = evpl_thread_config_init();
    struct evpl_deferral deferral     = { 0 };
    const char *alpn[]                = { "h2", "http/1.1" };

    CHECK(unused != NULL && config != NULL && thread != NULL && unused != config);
    evpl_thread_config_set_wait_ms(thread, 5);
    evpl_thread_config_set_poll_mode(thread, 0);
    evpl_thread_config_set_poll_iterations(thread, 7);
    evpl_thread_config_release(thread);
    evpl_global_config_set_spin_ns(config, 5);
    evpl_global_config_release(unused);
    evpl_deferral_init(&deferral, NULL, &deferral);
    CHECK(deferral.private_data == &deferral && deferral.armed == 0);
    evpl_free(evpl_malloc(10));
    evpl_tls_set_alpn_protocols(alpn, 2);
    evpl_iovec_profile_dump("before init");
    evpl_info("test", "file", 1, "before init");
    evpl_threadpool_destroy(evpl_threadpool_create(NULL, 0, NULL, NULL, NULL));
    evpl_init(config);
    evpl_destroy(evpl_create(NULL));
    return 0;
}

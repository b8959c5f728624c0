// matrix: none
// link: none
// cflags: -O1
// A library that has run threads, of loops and listeners, can be unloaded as well.
#include <dlfcn.h>

#include "../test.h"

/* The process's state stays for late callers, which a leak checker cannot know once the library is
 * gone. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}

int
main(void)
{
    const char *path = getenv("EVPL_TEST_LIBRARY");

    CHECK(path != NULL);
    for (int round = 1; round <= 4; round++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

        CHECK(library != NULL);
#define LOAD(name) __typeof__(&name) p_##name = (__typeof__(&name)) dlsym(library, #name)
        LOAD(evpl_init);
        LOAD(evpl_listener_create);
        LOAD(evpl_listener_destroy);
        LOAD(evpl_thread_create);
        LOAD(evpl_thread_destroy);
        p_evpl_init(NULL);
        p_evpl_thread_destroy(p_evpl_thread_create(NULL, NULL, NULL, NULL));
        p_evpl_listener_destroy(p_evpl_listener_create());
        CHECK(dlclose(library) == 0);
        CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
    }
    return 0;
}

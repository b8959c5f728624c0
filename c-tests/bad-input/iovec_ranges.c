// matrix: none
// A segment beyond its iovec, also by overflow, and a move from or to NULL end the process.
#include "../test.h"

static struct evpl_iovec source, target;

static void
start(void)
{
    evpl_init(NULL);
    evpl_iovec_alloc_global(NULL, &source);
    evpl_iovec_set_length(&source, 100);
}

static void
clone_beyond(void *range)
{
    start();
    evpl_iovec_clone_segment(&target, &source, ((unsigned int *) range)[0],
                             ((unsigned int *) range)[1]);
}

static void
move_beyond(void *range)
{
    start();
    evpl_iovec_move_segment(&target, &source, ((unsigned int *) range)[0],
                            ((unsigned int *) range)[1]);
}

static void
move_to_null(void *unused)
{
    (void) unused;
    start();
    evpl_iovec_move(NULL, &source);
}

static void
move_from_null(void *unused)
{
    (void) unused;
    start();
    evpl_iovec_move(&target, NULL);
}

int
main(void)
{
    unsigned int ranges[][2] = { { 0, 101 }, { 101, 0 }, { 60, 41 }, { 0xffffffffu, 2 },
                                 { 1, 0xffffffffu } };

    for (int i = 0; i < 5; i++) {
        CHECK_ABORTS(clone_beyond, ranges[i], "clone");
        CHECK_ABORTS(move_beyond, ranges[i], "move");
    }
    CHECK_ABORTS(move_to_null, NULL, "evpl_iovec_move");
    CHECK_ABORTS(move_from_null, NULL, "evpl_iovec_move");
    return 0;
}

// Timers, deferrals and doorbells: a periodic timer counts, a doorbell brings news from another
// thread, a deferral gathers work to the end of the pass, and a one-shot timer ends the program.
//
//     timers
#include <evpl/evpl.h>

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) - offsetof(type, member)))

// The library keeps pointers to the timer and the others, which stay in the program's own memory.
struct app {
    struct evpl_timer every_10ms, after_105ms;
    struct evpl_doorbell doorbell;
    struct evpl_deferral summary;
    int ticks, rings, summaries;
};

static void on_tick(struct evpl *evpl, struct evpl_timer *timer)
{
    struct app *app = CONTAINER_OF(timer, struct app, every_10ms);

    app->ticks++;
    // However often it is asked for within a pass, it runs once.
    evpl_defer(evpl, &app->summary);
    evpl_defer(evpl, &app->summary);
}

static void on_summary(struct evpl *evpl, void *private_data)
{
    struct app *app = private_data;

    (void) evpl;
    app->summaries++;
}

// Rings that come before the callback runs are one callback.
static void on_ring(struct evpl *evpl, struct evpl_doorbell *doorbell)
{
    struct app *app = CONTAINER_OF(doorbell, struct app, doorbell);

    (void) evpl;
    app->rings++;
}

static void on_end(struct evpl *evpl, struct evpl_timer *timer)
{
    struct app *app = CONTAINER_OF(timer, struct app, after_105ms);

    evpl_remove_timer(evpl, &app->every_10ms);
    evpl_stop(evpl);
}

// evpl_ring_doorbell is one of the few functions that any thread may call.
static void *ringer(void *argument)
{
    struct app *app = argument;

    evpl_ring_doorbell(&app->doorbell);
    return NULL;
}

int main(void)
{
    struct app app = { 0 };
    struct evpl *evpl = evpl_create(NULL);
    pthread_t thread;

    evpl_deferral_init(&app.summary, on_summary, &app);
    evpl_add_timer(evpl, &app.every_10ms, on_tick, 10000);
    evpl_add_oneshot_timer(evpl, &app.after_105ms, on_end, 105000);
    evpl_add_doorbell(evpl, &app.doorbell, on_ring);
    pthread_create(&thread, NULL, ringer, &app);

    evpl_run(evpl);

    pthread_join(thread, NULL);
    evpl_remove_doorbell(evpl, &app.doorbell);
    evpl_destroy(evpl);
    printf("%d ticks, %d summaries, %d ring\n", app.ticks, app.summaries, app.rings);
    return app.ticks > 0 && app.summaries == app.ticks && app.rings == 1 ? 0 : 1;
}

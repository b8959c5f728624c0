/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_LOGGING_H
#define EVPL_LOGGING_H

/* Generated from src/capi/logging.rs by `make headers`; change it there. */

#include <stdarg.h>

/**
 * Takes one log line. `level` is "debug", "info", "error" or "fatal". Any thread may call it, and
 * several at once.
 */
typedef void (*evpl_log_fn)(const char *level, const char *module, const char *srcfile, int lineno,
                            const char *fmt, va_list argp);

/**
 * Makes the lines logged so far durable; called after the last line before the process ends.
 */
typedef void (*evpl_flush_fn)(void);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sends all log lines of the library to `log_fn`, or to standard error if it is NULL. `flush_fn`,
 * which may be NULL, is called after the last line of a process that is about to end. May be
 * called at any time, also before evpl_init; the caller makes sure that nobody logs meanwhile.
 */
void evpl_set_log_fn(evpl_log_fn log_fn, evpl_flush_fn flush_fn);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EVPL_ABORT_ATTRIBUTES __attribute__((noreturn, format(printf, 4, 5)))
#else
#define EVPL_ABORT_ATTRIBUTES
#endif

/**
 * Logs one line at level "fatal", calls the flush function if one is set, and aborts the process
 * with SIGABRT. `module` names the part of the program, `srcfile` and `lineno` the place. Any
 * thread may call it, at any time. Does not return.
 */
EVPL_ABORT_ATTRIBUTES
void evpl_abort(const char *module, const char *srcfile, int lineno, const char *fmt, ...);

#undef EVPL_ABORT_ATTRIBUTES

#ifdef __cplusplus
}
#endif

#endif  /* EVPL_LOGGING_H */

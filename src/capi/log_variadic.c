/*
 * The part of logging that stable Rust cannot express: functions with "..." and uses of va_list.
 * Everything here is hidden; variadic.rs has the exported names.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum kind { KIND_DEBUG = 0, KIND_INFO = 1, KIND_ERROR = 2, KIND_FATAL = 3, KIND_ABORT = 4 };

typedef void (*log_fn)(const char *level, const char *module, const char *srcfile, int lineno,
                       const char *fmt, va_list args);

/* In Rust; does not return for KIND_FATAL and KIND_ABORT. */
void evpl_log_line(int kind, const char *module, const char *srcfile, int lineno, const char *fmt,
                   va_list args);

#define LOG_FUNCTION(name, kind)                                                               \
    void name(const char *module, const char *srcfile, int lineno, const char *fmt, ...);      \
    void name(const char *module, const char *srcfile, int lineno, const char *fmt, ...)       \
    {                                                                                          \
        va_list args;                                                                          \
        va_start(args, fmt);                                                                   \
        evpl_log_line(kind, module, srcfile, lineno, fmt, args);                               \
        va_end(args);                                                                          \
    }

LOG_FUNCTION(evpl_log_debug, KIND_DEBUG)
LOG_FUNCTION(evpl_log_info, KIND_INFO)
LOG_FUNCTION(evpl_log_error, KIND_ERROR)
LOG_FUNCTION(evpl_log_fatal, KIND_FATAL)
LOG_FUNCTION(evpl_log_abort, KIND_ABORT)

/* As vsnprintf, but `args` can be used again: Rust asks for the length before it has the room. */
int evpl_log_vformat(char *buf, size_t size, const char *fmt, va_list args);
int evpl_log_vformat(char *buf, size_t size, const char *fmt, va_list args)
{
    va_list copy;
    int len;

    va_copy(copy, args);
    len = vsnprintf(buf, size, fmt, copy);
    va_end(copy);
    return len;
}

/* Gives a line that Rust composed to the application's function, which takes a va_list. */
void evpl_log_forward(log_fn fn, const char *level, const char *module, const char *srcfile,
                      int lineno, const char *fmt, ...);
void evpl_log_forward(log_fn fn, const char *level, const char *module, const char *srcfile,
                      int lineno, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fn(level, module, srcfile, lineno, fmt, args);
    va_end(args);
}

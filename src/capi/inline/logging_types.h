/**
 * Takes one log line. `level` is "debug", "info", "error" or "fatal". Any thread may call it, and
 * several at once.
 */
typedef void (*evpl_log_fn)(const char *level, const char *module, const char *srcfile, int lineno,
                            const char *fmt, va_list argp);

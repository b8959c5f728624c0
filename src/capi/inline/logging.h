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

/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Runs a program against the library and tells the model what was done and what came back. */

#ifndef MODEL_DRIVER_H
#define MODEL_DRIVER_H

#include <stdbool.h>

#include "program.h"

/** Initialises the library. `dir` is where Unix sockets go. */
void driver_init(enum transport transport, bool use_select, const char *dir, bool verbose);

/** Runs one program; does not return if a promise is broken. */
void driver_run(const struct program *program);

#endif

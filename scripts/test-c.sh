#!/bin/bash
# The C tests against the library as it is shipped.

. "$(dirname "$0")/checks.sh"

check "library builds" make --no-print-directory lib || finish
c_tests c.log --lib "$DIST"
finish

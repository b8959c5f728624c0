#!/bin/bash
# The C tests against the library as it is shipped.

. "$(dirname "$0")/checks.sh"

check "library builds" make --no-print-directory lib || finish
c_tests c.log --lib "$DIST"
model_tests model "$DIST" gcc 1000
tls_tests tls.log --lib "$DIST"
python3 c-tests/wire/run.py --include include --lib "$DIST" 2>&1 | tee "$LOGS/wire.log"
add_totals "$LOGS/wire.log"

# The list of differences is only worth as much as the tests it names.
missing=
for name in $(grep -oE '`[a-z0-9-]+/[a-z0-9_]+`' docs/compat.md | tr -d '`' | sort -u); do
    [ -e "c-tests/$name.c" ] || [ -d "$name" ] || missing+=" $name"
done
check "tests named in docs/compat.md exist" test -z "$missing" || echo "   $missing"
finish

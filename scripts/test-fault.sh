#!/bin/bash
# Every call into the kernel and the C library fails once, in one scenario after the other.

. "$(dirname "$0")/checks.sh"

check "library builds" make --no-print-directory lib || finish
python3 c-tests/fault/run.py --include include --lib "$DIST" --build "$TARGET/fault" 2>&1 |
    tee "$LOGS/fault.log"
add_totals "$LOGS/fault.log"
finish

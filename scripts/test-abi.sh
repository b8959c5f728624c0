#!/bin/bash
# Layouts, prototypes, exported names and headers against what programs were built with.

. "$(dirname "$0")/checks.sh"

check "library builds" make --no-print-directory lib || finish
LIB=$DIST/libevpl.so sh c-tests/abi/run.sh >"$LOGS/abi.log" 2>&1
cat "$LOGS/abi.log"
passed=$((passed + $(grep -c '^ok ' "$LOGS/abi.log")))
failed=$((failed + $(grep -c '^FAIL ' "$LOGS/abi.log")))
while read -r what; do
    skip "abi: ${what%%:*}" "${what#*: }"
done < <(sed -n 's/^skipped //p' "$LOGS/abi.log")
finish

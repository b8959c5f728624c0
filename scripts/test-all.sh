#!/bin/bash
# Runs the stages named by the arguments, each to its end, and adds up what they counted.

. "$(dirname "$0")/checks.sh"

summary=
for stage in "$@"; do
    echo "=== $stage"
    log=$LOGS/stage-$stage.log
    started=$SECONDS
    "scripts/test-$stage.sh" 2>&1 | tee "$log"
    line=$(tail -1 "$log")
    add_totals "$log"
    summary+=$(printf '%-10s %4d s   %s' "$stage" $((SECONDS - started)) "$line")$'\n'
done

echo "=== summary"
echo -n "$summary"
finish

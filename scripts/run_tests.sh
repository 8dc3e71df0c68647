#!/usr/bin/env bash
# Runs the tests of a bundle (scripts/bundle.sh lays it as dist/run.sh). Arguments go to the conformance suite:
#   dist/run.sh softmax         only the cases whose name contains "softmax"
# TILEWORK_CONFORMANCE chooses its level; here the default is `full`.
set -euo pipefail
cd "$(dirname "$0")"

[ -d bin ] || tar -xzf bin.tar.gz
export TILEWORK_CONFORMANCE=${TILEWORK_CONFORMANCE:-full}
outcome=0
for program in bin/tests/*; do
    name=$(basename "$program")
    echo "=== $name"
    if [ "$name" = conformance ]; then
        "$program" "$@" || outcome=1
    else
        "$program" || outcome=1
    fi
done
[ $outcome = 0 ] || echo "tests failed; see above" >&2
exit $outcome

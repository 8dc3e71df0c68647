#!/usr/bin/env bash
# Runs the CUDA cases of the conformance suite under NVIDIA's compute-sanitizer, at the smoke level and with the pool off, so that every
# tensor is an allocation of its own. From a clone it builds first; from a bundle (scripts/bundle.sh) it needs no Rust toolchain.
set -euo pipefail
usage="usage: scripts/sanitize.sh [--tool NAME]... [--jobs N] [--out DIR] [NAME]
  --tool NAME  memcheck, racecheck, initcheck or synccheck; give it again for more (default: all)
  --jobs N     processes at a time, each of which takes gigabytes of the GPU's memory (default: one a processor, 14 at most)
  --out DIR    where the logs go (default: target/sanitize)
  NAME         only cases whose name contains NAME"

tools=() jobs=$(nproc) out='' name=''
[ "$jobs" -le 14 ] || jobs=14
while [ $# -gt 0 ]; do
    case $1 in
        --tool | --jobs | --out)
            [ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }
            case $1 in
                --tool) tools+=("$2") ;;
                --jobs) jobs=$2 ;;
                --out) out=$(realpath -m "$2") ;;
            esac
            shift
            ;;
        -h | --help) echo "$usage"; exit ;;
        -*) echo "$usage" >&2; exit 2 ;;
        *)
            [ -z "$name" ] || { echo "$usage" >&2; exit 2; }
            name=$1
            ;;
    esac
    shift
done
[ ${#tools[@]} -gt 0 ] || tools=(memcheck racecheck initcheck synccheck)
cd "$(dirname "$0")/.."
out=${out:-$PWD/target/sanitize}
command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not here: it comes with the CUDA toolkit" >&2; exit 1; }
mkdir -p "$out"

if [ -e BUILT ]; then
    [ -d bin ] || tar -xzf bin.tar.gz
    conformance=$PWD/bin/tests/conformance
else
    scripts/setup.sh
    conformance=$(cargo test --release --locked --features cuda --test conformance --no-run --message-format=json-render-diagnostics |
        sed -n 's/.*"kind":\["test"\].*"executable":"\([^"]*\)".*/\1/p')
fi
[ -x "$conformance" ] || { echo "the conformance suite was not built" >&2; exit 1; }
# Of kernels that several threads launch at once the tools lose track, and stop now and then: so the suite gets one thread, and what launches
# from threads of its own is left out.
export skipped="--skip /cpu --skip /wgpu --skip faults/threads"
cases() { "$conformance" "$name" --list $skipped | sed -n 's/: test$//p'; }
if [ -z "$(cases)" ]; then
    echo "no case's name contains \"$name\"" >&2
    exit 1
fi
export conformance out TILEWORK_CONFORMANCE=smoke TILEWORK_POOL=off TILEWORK_POISON=0

# The tool $1 on the cases whose names contain $2, but not on what asks for more memory than there is: the refusal would be reported.
check() {
    local log result from=$SECONDS code=0 outcome=clean options=() clean='SUMMARY: 0 '
    log=$out/$1-$(tr -cs 'A-Za-z0-9\n' '-' <<<"$2").log
    case $1 in
        racecheck) options=(--racecheck-report all) ;;
        # It does not see what the tensor memory accelerator stores, and so reports such outputs when they are read back, where the suite
        # has compared every element. What counts is what kernels read.
        initcheck) options=(--print-limit 1000000 --show-backtrace no) clean=SUMMARY ;;
    esac
    compute-sanitizer --tool "$1" ${options[@]+"${options[@]}"} "$conformance" "$2" $skipped \
        --skip 'past all there is' --test-threads 1 >"$log" 2>&1 || code=$?
    # A tool that had to give up on something counts it as an error.
    if [ $code != 0 ] || ! grep -q "$clean" "$log" ||
        grep -qE 'Uninitialized __[a-z]*__ memory read|Internal Sanitizer Error' "$log"; then
        outcome="NOT CLEAN (exit $code, $log)"
    fi
    result=$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]* passed; [0-9]* failed; [0-9]* ignored\).*/\1/p' "$log")
    echo "$1 ${2:-all}: $result, $((SECONDS - from)) s, $outcome"
}
export -f check

# Those that keep a record of every access are slow: the cases of a type at a time, many at once.
groups=$(cases | cut -d/ -f1-3 | sort -u)
for tool in "${tools[@]}"; do
    if [[ $tool =~ ^(race|init)check$ && $groups == *$'\n'* ]]; then
        sed "s|.*|$tool\n&/|" <<<"$groups"
    else
        printf '%s\n' "$tool" "$name"
    fi
done | xargs -r -d '\n' -n 2 -P "$jobs" bash -c 'check "$1" "$2"' check | tee "$out/summary.txt"
! grep -q 'NOT CLEAN' "$out/summary.txt"
# Without a GPU every case is ignored, which shows nothing.
grep -q ': [1-9][0-9]* passed' "$out/summary.txt" || { echo "nothing was run" >&2; exit 1; }

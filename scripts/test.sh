#!/usr/bin/env bash
# Every check of the project, from a fresh clone on Debian or Ubuntu with Rust; CI runs this and nothing else.
# No GPU is needed: CUDA kernels are compiled, and WGSL runs on a Vulkan driver of the CPU. With a GPU its tests run too.
# All steps run even where one fails; the exit status is that of the worst.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_INCREMENTAL=0
target=${CARGO_TARGET_DIR:-$PWD/target}
# The steps of one kind share their features, and so one build of all the dependencies.
cuda=(--features cuda)
if [ ! -e /dev/nvidia0 ]; then
    # Without a GPU to build for, tests take the kernels of one architecture and the linter those of another.
    export TILEWORK_CUDA_ARCHS=${TILEWORK_CUDA_ARCHS:-90a}
fi

summary=() outcome=0
step() {
    local name=$1 begin=$SECONDS status=0 word=ok
    shift
    printf '\n=== %s\n' "$name"
    "$@" || status=$?
    case $status in
        0) ;;
        "$skipped") word=SKIPPED ;;
        *) word=FAILED outcome=1 ;;
    esac
    summary+=("$(printf '%-8s %5d s  %s' "$word" $((SECONDS - begin)) "$name")")
    printf -- '--- %s\n' "${summary[-1]}"
}
skipped=77

lint_cuda() {
    TILEWORK_CUDA_ARCHS=80 cargo clippy --locked --all-targets --no-default-features --features cuda -- -D warnings
}

# All tests but the conformance suite, which is a step of its own.
unit_and_integration() {
    local file name targets=(--lib)
    for file in tests/*.rs tests/*/main.rs; do
        name=${file#tests/}
        name=${name%.rs}
        name=${name%/main}
        [ "$name" = conformance ] || targets+=(--test "$name")
    done
    cargo test --locked "${cuda[@]}" --no-fail-fast "${targets[@]}"
}

document() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items "${cuda[@]}"; }

# The unit tests' binary, as cargo names it.
unit_tests() {
    cargo test --locked "${cuda[@]}" --lib --no-run --message-format=json |
        sed -n 's/.*"kind":\["lib"\].*"executable":"\([^"]*\)".*/\1/p'
}

# The tests of the wgpu backend's machinery, which are ignored unless asked for, because not every machine has an adapter.
wgpu_on_a_device() {
    vulkaninfo --summary >/dev/null 2>&1 || { echo "there is no Vulkan device"; return $skipped; }
    "$(unit_tests)" backend::wgpu --ignored
}

# The tests of what only Intel's matrix units do.
amx_units() {
    grep -qw amx_bf16 /proc/cpuinfo 2>/dev/null || { echo "this processor has no AMX"; return $skipped; }
    "$(unit_tests)" backend::cpu::matmul::amx --ignored
}

memory_checked() {
    command -v valgrind >/dev/null || { echo "valgrind is not installed"; return $skipped; }
    # Few cases: a check of every access costs about fifty times the time.
    PROPTEST_CASES=32 valgrind --quiet --error-exitcode=1 \
        --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$(unit_tests)" layout:: memory::
}

# Two steps build the dependencies once more; optimizing those would cost minutes and gain seconds.
plain_dependencies=(--config 'profile.dev.package."*".opt-level=0')

interleavings() {
    CARGO_TARGET_DIR=$target/loom RUSTFLAGS="--cfg loom" cargo test --locked --lib --no-default-features \
        "${plain_dependencies[@]}" --config profile.dev.package.loom.opt-level=2 \
        --config profile.dev.package.generator.opt-level=2 memory
}

packed_crate() { cargo package --locked "${cuda[@]}" "${plain_dependencies[@]}"; }

examples() {
    local file
    cargo build --locked "${cuda[@]}" --examples || return
    for file in examples/*.rs; do
        [ -e "$file" ] || { echo "there are no examples"; return $skipped; }
        echo "example $(basename "$file" .rs)"
        "$target/debug/examples/$(basename "$file" .rs)" || return
    done
}

# Each benchmark program validates its cases and runs them once.
benchmarks() {
    compgen -G 'benches/*' >/dev/null || { echo "there are no benchmarks"; return $skipped; }
    cargo test --locked "${cuda[@]}" --bench '*'
}

step "setup" scripts/setup.sh --test
step "format" cargo fmt --all --check
step "lint without features" cargo clippy --locked --all-targets --no-default-features -- -D warnings
step "lint with the default features" cargo clippy --locked --all-targets -- -D warnings
step "lint with cuda alone, kernels for 80" lint_cuda
step "build the tests, kernels for ${TILEWORK_CUDA_ARCHS:-the GPU present}" cargo test --locked "${cuda[@]}" --tests --no-run
step "test" unit_and_integration
step "wgpu on a device" wgpu_on_a_device
step "matrix units of the CPU" amx_units
step "conformance suite" cargo test --locked "${cuda[@]}" --test conformance -- --quiet --matrix
# Once more in the mode that users have: every case, a few shapes of each.
step "conformance suite without poisoned memory" env TILEWORK_POISON=0 TILEWORK_CONFORMANCE=smoke cargo test --locked "${cuda[@]}" --test conformance -- --quiet
step "documentation builds" document
step "documentation tests" cargo test --locked "${cuda[@]}" --doc
step "examples" examples
step "benchmarks, once each" benchmarks
step "layout and memory under valgrind" memory_checked
step "memory under every interleaving (loom)" interleavings
step "the packed crate builds" packed_crate

printf '\n=== summary\n'
printf '%s\n' "${summary[@]}"
printf '%d s in all\n' "$SECONDS"
exit $outcome

#!/usr/bin/env bash
# Measures every device here: ceilings, the benchmark suite (matrix products on CUDA in turns with cuBLAS), and directly after it
# PyTorch on the same cases where it is installed; then prints tables and writes them, as Markdown, JSON and plots, to results/<device>/<date>/.
# From a clone it builds first; from a bundle (scripts/bundle.sh) it needs no Rust toolchain.
set -euo pipefail
usage="usage: scripts/run_bench.sh [--quick] [--filter NAME] [--device NAME]... [--no-peers] [--out DIR]
       scripts/run_bench.sh --sweep [--filter NAME] [--out DIR]
  --quick        fewer repetitions, of the matrix products a few, and on a processor nothing that takes long
  --filter NAME  only cases whose name contains NAME
  --device NAME  cpu, cuda:N or wgpu:N; give it again for more (default: every device here)
  --no-peers     leave PyTorch alone
  --out DIR      where the results go
  --sweep        time the forms of the kernels for matrix products instead; the table goes to benches/sweep/<device>.tsv
PYTHON names the Python that has PyTorch (default python3), and with it cuBLAS; TILEWORK_CUBLAS names another folder for that."

devices=() options=() peer_options=() peers=yes sweep=no out=
while [ $# -gt 0 ]; do
    case $1 in
        --quick) options+=(--quick) peer_options+=(--quick) ;;
        --no-peers) peers=no ;;
        --sweep) sweep=yes ;;
        --filter | --device | --out)
            [ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }
            case $1 in
                --filter) options+=(--filter "$2") ;;
                --device) devices+=("$2") ;;
                --out) case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac ;;
            esac
            shift
            ;;
        -h | --help) echo "$usage"; exit ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
    shift
done
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
# Without a session, Mesa's Vulkan drivers complain that it is not set.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}

# Builds the suite and sets `suite` to its program: with CUDA where there is a GPU for it, or an nvcc.
build() {
    local features=portable setup=(--no-cuda) artifacts
    if [ -e /dev/nvidiactl ] || [ -n "${TILEWORK_NVCC:-}" ] || command -v nvcc >/dev/null ||
        [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ] || [ -d "${CARGO_TARGET_DIR:-target}/cuda-toolchain" ]; then
        features=portable,cuda setup=()
    fi
    scripts/setup.sh ${setup[@]+"${setup[@]}"}
    echo "building the benchmarks (features: $features)"
    artifacts=$(cargo bench --locked --features "$features" --bench suite --no-run --message-format=json-render-diagnostics)
    suite=$(sed -n 's/.*"kind":\["bench"\].*"executable":"\([^"]*\)".*/\1/p' <<<"$artifacts")
}

# The machine's name in a path: its GPU's, else its processor's.
machine() {
    local name
    name=$(nvidia-smi --query-gpu=name --format=csv,noheader -i 0 2>/dev/null) ||
        name=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1) || true
    tr -cs 'A-Za-z0-9' '-' <<<"${name:-$(uname -m)}" | tr 'A-Z' 'a-z' | sed 's/^-*//; s/-*$//'
}

# PyTorch on the cases of $1.json, if the device $2 is one of its.
peer() {
    local place=() code=0
    case $2 in
        cuda*) ;;
        cpu*) place=(--cpu) ;;
        *) return 0 ;;
    esac
    if ! command -v "$python" >/dev/null; then
        echo "no PyTorch column for $2: $python is not here" >&2
        return 0
    fi
    "$python" scripts/peers/torch_peer.py --cases "$1.json" --out "$1.torch.json" \
        ${place[@]+"${place[@]}"} ${peer_options[@]+"${peer_options[@]}"} || code=$?
    if [ $code = 3 ]; then
        echo "no PyTorch column for $2" >&2
    elif [ $code != 0 ]; then
        echo "PyTorch failed on $2 (exit status $code)" >&2
        return 1
    fi
}

if [ -f Cargo.toml ]; then
    build
else
    [ -d bin ] || tar -xzf bin.tar.gz
    suite=$PWD/bin/benches/suite
fi
if [ $sweep = yes ]; then
    out=${out:-$PWD/benches/sweep}
    mkdir -p "$out"
    exec "$suite" --sweep "$out/$(machine).tsv" ${options[@]+"${options[@]}"}
fi
[ ${#devices[@]} -gt 0 ] || mapfile -t devices < <("$suite" --list-devices)
[ ${#devices[@]} -gt 0 ] || { echo "the suite names no device" >&2; exit 1; }
out=${out:-$PWD/results/$(machine)/$(date -u +%F)}
mkdir -p "$out"

outcome=0
for device in "${devices[@]}"; do
    stem=$out/${device//:/-}
    rm -f "$stem.json" "$stem.torch.json"
    echo "=== $device"
    "$suite" --device "$device" --json "$stem.json" ${options[@]+"${options[@]}"} || outcome=1
    if [ $peers = yes ] && [ -f "$stem.json" ]; then
        peer "$stem" "$device" || outcome=1
    fi
done
"$suite" --report "$out" || outcome=1
[ $outcome = 0 ] || echo "something failed; see above" >&2
exit $outcome

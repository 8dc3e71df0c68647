#!/usr/bin/env bash
# Puts what a build needs where it is missing: a host C++ compiler, nvcc, a Vulkan driver; with --test also vulkaninfo, libclang and valgrind.
# Run it as often as you like. What it may not install it names, and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # ldconfig, for those who are not root

usage="usage: scripts/setup.sh [--test] [--no-cuda]
  --test     also what only the tests need: vulkaninfo, libclang (fresh bindings), valgrind
  --no-cuda  leave nvcc alone: the feature \`cuda\` will not be built"
tests=no cuda=yes
for argument in "$@"; do
    case $argument in
        --test) tests=yes ;;
        --no-cuda) cuda=no ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
done

# build.rs looks for it in the folders above its own, so this one serves a crate packed or vendored elsewhere too.
toolchain=${CARGO_TARGET_DIR:-target}/cuda-toolchain
# No GPU is needed for any of these. The versions belong together.
nvcc_wheels=(
    nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85 nvidia-cuda-cuobjdump==13.5.37 nvidia-cuda-nvdisasm==13.5.37
)

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install PURPOSE PACKAGE...: installs, or says why it does not. The first call refreshes the package lists.
apt_lists=old
apt_install() {
    local purpose=$1 as_root=() log
    shift
    if ! have apt-get; then
        say "$purpose is missing, and this system has no apt-get: install what it calls $*"
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! have sudo || ! sudo -n true 2>/dev/null; then
            say "$purpose is missing, and installing needs root: sudo apt-get install $*"
            return 1
        fi
        as_root=(sudo -n)
    fi
    say "installing $purpose: apt-get install $*"
    log=$(mktemp)
    # A list that cannot be refreshed may still do.
    [ $apt_lists = new ] || "${as_root[@]}" apt-get update -qq >"$log" 2>&1 || true
    apt_lists=new
    if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >>"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 5 "$log" >&2
        rm -f "$log"
        say "apt-get could not install $purpose; going on without"
        return 1
    fi
}

setup_compiler() {
    if have c++ || have g++ || have clang++; then
        say "host C++ compiler: there"
    else
        apt_install "a host C++ compiler" g++ || true
    fi
}

# The places of build/nvcc.rs, in its order.
find_nvcc() {
    local place
    for place in "${TILEWORK_NVCC:-}" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "${CUDA_PATH:+$CUDA_PATH/bin/nvcc}" \
        "$(command -v nvcc || true)" "$toolchain/nvidia/cu13/bin/nvcc" target/cuda-toolchain/nvidia/cu13/bin/nvcc; do
        if [ -n "$place" ] && [ -x "$place" ]; then
            echo "$place"
            return
        fi
    done
    return 1
}

setup_nvcc() {
    local found partial=$toolchain.partial
    if found=$(find_nvcc); then
        say "nvcc: $found"
        return
    fi
    if ! have python3 || ! python3 -m pip --version >/dev/null 2>&1; then
        apt_install "Python with pip, which fetches nvcc" python3 python3-pip || return 0
    fi
    say "installing nvcc into $toolchain: pip install ${nvcc_wheels[*]}"
    rm -rf "$partial"
    mkdir -p "$(dirname "$toolchain")"
    # A folder that is moved when complete: an interrupted run leaves nothing that looks like a toolchain.
    if python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --target "$partial" "${nvcc_wheels[@]}"; then
        rm -rf "$toolchain"
        mv "$partial" "$toolchain"
        say "nvcc: $(find_nvcc)"
    else
        rm -rf "$partial"
        say "pip could not install nvcc; the feature \`cuda\` will not build"
    fi
}

setup_vulkan() {
    local folder
    for folder in /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d "${HOME:-/}/.local/share/vulkan/icd.d"; do
        if compgen -G "$folder/*.json" >/dev/null && ldconfig -p 2>/dev/null | grep -q libvulkan.so.1; then
            say "Vulkan driver: $folder"
            return
        fi
    done
    apt_install "a Vulkan driver (on the CPU; a GPU's own is better)" mesa-vulkan-drivers libvulkan1 || true
}

setup_libclang() {
    # Not libclang-cpp, which other packages bring along.
    if [ -n "${LIBCLANG_PATH:-}" ] || compgen -G "/usr/lib/llvm-*/lib/libclang.so*" >/dev/null ||
        compgen -G "/usr/lib/llvm-*/lib/libclang-[0-9]*.so*" >/dev/null ||
        ldconfig -p 2>/dev/null | grep -q 'libclang[-.0-9]*\.so'; then
        say "libclang: there"
    else
        apt_install "libclang, with which a test renews the bindings" libclang-dev || true
    fi
}

setup_valgrind() {
    if have valgrind; then
        say "valgrind: there"
    else
        apt_install "valgrind, under which memory tests run again" valgrind || true
    fi
}

setup_vulkaninfo() {
    if have vulkaninfo; then
        say "vulkaninfo: there"
    else
        apt_install "vulkaninfo, which tells the tests whether there is a Vulkan device" vulkan-tools || true
    fi
}

if [ "$(uname -s)" != Linux ]; then
    say "this script knows Linux only: install a C++ compiler, and the CUDA toolkit for the feature \`cuda\`"
    exit 0
fi
setup_compiler
if [ $cuda = yes ]; then setup_nvcc; fi
setup_vulkan
if [ $tests = yes ]; then
    setup_vulkaninfo
    setup_libclang
    setup_valgrind
fi

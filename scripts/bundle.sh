#!/usr/bin/env bash
# Builds the tests and benchmarks here and lays them in dist/, to be run on a machine with a GPU and no Rust toolchain:
#   dist/run.sh                 the tests, the conformance suite at its full level
#   dist/scripts/run_bench.sh   the benchmarks
#   dist/scripts/sanitize.sh    the suite's smoke level under compute-sanitizer
# TILEWORK_CUDA_ARCHS names the GPUs to build for (default 90a); the C library there must be as new as the one here.
set -euo pipefail
cd "$(dirname "$0")/.."

export TILEWORK_CUDA_ARCHS=${TILEWORK_CUDA_ARCHS:-90a}
limit_mib=64
# These check the source tree or the host's half of the code, which is done where it is built.
stay_here=(abi build_script ptxas twins)

scripts/setup.sh
artifacts=$(cargo test --release --locked --features cuda --lib --tests --benches --no-run \
    --message-format=json-render-diagnostics)

rm -rf dist
mkdir -p dist/bin/tests dist/bin/benches dist/scripts
while read -r kind name file; do
    case $kind in
        lib) folder=tests name=unit ;;
        test) folder=tests ;;
        bench) folder=benches ;;
        *) continue ;;
    esac
    if [[ " ${stay_here[*]} " != *" $name "* ]]; then
        strip -o "dist/bin/$folder/$name" "$file"
    fi
done < <(sed -n 's/.*"kind":\["\([a-z]*\)"\].*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2 \3/p' <<<"$artifacts")
cp scripts/run_tests.sh dist/run.sh
for part in scripts/run_bench.sh scripts/sanitize.sh scripts/peers; do
    if [ -e "$part" ]; then cp -r "$part" dist/scripts/; fi
done
cat >dist/BUILT <<END
commit         $(git rev-parse HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD 2>/dev/null || echo ', with changes')
architectures  $TILEWORK_CUDA_ARCHS
compiler       $(rustc --version)
END

(cd dist && find . -type f -printf '%10s  %P\n' | sort -k2)
size_mib() { du -sm --apparent-size dist | cut -f1; }
if [ "$(size_mib)" -ge $limit_mib ]; then
    # What runs a bundle unpacks the programs first where it finds them packed.
    tar -C dist -czf dist/bin.tar.gz bin
    rm -r dist/bin
    echo "packed the programs into bin.tar.gz"
fi
echo "dist: $(size_mib) MiB of at most $limit_mib"
[ "$(size_mib)" -lt $limit_mib ] || { echo "dist is too large to carry: fewer TILEWORK_CUDA_ARCHS would help" >&2; exit 1; }

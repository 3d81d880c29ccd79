#!/usr/bin/env bash
# All checks: formatting, lints, documentation, tests on CPU and GPU, examples, each bench once.
# On a Debian machine without a graphics driver it installs a software Vulkan driver first.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

has_driver() {
    compgen -G '/dev/dri/renderD*' >/dev/null || compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null ||
        [ -n "${VK_DRIVER_FILES:-}" ] || [ "$(uname -s)" != Linux ]
}
if ! has_driver && command -v apt-get >/dev/null; then
    step 'install the software Vulkan driver'
    sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libvulkan1 mesa-vulkan-drivers spirv-tools >/dev/null
fi
if ! command -v python3 >/dev/null && command -v apt-get >/dev/null; then
    step 'install Python for the sample of faults'
    sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-minimal >/dev/null
fi
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then
    # Some drivers look for a display there and complain if it is unset.
    XDG_RUNTIME_DIR="$(mktemp -d)"
    export XDG_RUNTIME_DIR
fi
# A test that finds no GPU adapter fails instead of being skipped.
export ANYGRAD_REQUIRE_GPU="${ANYGRAD_REQUIRE_GPU:-1}"

# What is built once gains nothing from being prepared for the next change or for a debugger.
[ -d "$target/debug" ] || export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
# Where it was taken is kept of each lock of wgpu's otherwise, where backtraces are asked for.
export RUST_LIB_BACKTRACE=0

step 'formatting'
cargo fmt --check
step 'lints'
cargo clippy --quiet --all-targets --all-features -- -D warnings
cargo clippy --quiet --lib --no-default-features -- -D warnings
cargo clippy --quiet --lib --no-default-features --features gpu -- -D warnings
scripts/web.sh check
step 'documentation'
RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps

# From here on one set of features, so that the library is built once.
step 'tests'
rm -rf "$target/tmp/comparisons"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --no-fail-fast --features parquet
else
    cargo test --no-fail-fast --features parquet --lib --bins --tests
fi
step 'documentation tests'
cargo test --quiet --features parquet --doc

step 'models in ONNX Runtime'
venv="$target/venv"
if ! [ -x "$venv/bin/pip" ]; then
    if ! python3 -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
        sudo=''
        [ "$(id -u)" = 0 ] || sudo=sudo
        $sudo apt-get update -qq
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    fi
    python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/requirements.txt
"$venv/bin/python" scripts/check_onnx.py "$target/tmp/onnx"
step "a run's events in TensorBoard"
rm -rf "$target/tmp/tensorboard"
"$target/debug/anygrad" train digits --epochs 5 --tensorboard --out "$target/tmp/tensorboard" >/dev/null 2>&1
"$venv/bin/python" scripts/check_tensorboard.py "$target/tmp/tensorboard"

step 'examples'
for example in examples/[0-9]*.rs; do
    name="$(basename "$example" .rs)"
    folder=()
    if [ "$name" = 04_mnist ]; then
        mnist="${ANYGRAD_MNIST:-../shared/data/mnist}"
        if [ ! -d "$mnist" ]; then
            echo "SKIPPED: example $name, there is no MNIST in $mnist (set ANYGRAD_MNIST)"
            continue
        fi
        folder=("$mnist")
    fi
    echo "-- $name"
    cargo run --quiet --features parquet --example "$name" -- "${folder[@]}" --device cpu | tail -n 3
done

step 'the Python package'
cargo clippy --quiet --package anygrad-python -- -D warnings
scripts/python.sh test

step 'the page'
ANYGRAD_PROGRAM="$target/debug/anygrad" scripts/web.sh test

step 'each bench once'
cargo test --quiet --features parquet --bench kernels --bench matmul --bench training_step | tail -n 3

# Ten of the faults that the tests have to notice; all of them take `scripts/faults.py` a quarter of an hour.
step 'a sample of faults'
CARGO_PROFILE_DEV_OPT_LEVEL=0 python3 scripts/faults.py --sample 10

step 'done'
cat "$target"/tmp/comparisons/kernels* "$target"/tmp/comparisons/{grids,training_products} | awk '
    { sum += $1 } END { print sum " comparisons of kernels"; if (sum < 6000) { print "at least 6000 are asked for"; exit 1 } }'
cat "$target"/tmp/comparisons/* | awk '{ sum += $1 } END { print sum " comparisons" }'

#!/usr/bin/env bash
# The Python package: builds the wheel and tests it in an environment of its own.
#
#   scripts/python.sh build     # target/wheels/*.whl, installed in target/python
#   scripts/python.sh test      # builds, then runs python/tests
#
# Needs python3 from 3.10 on with venv, and what `cargo build` needs. Where there is no python3 it says so and does nothing;
# with ANYGRAD_REQUIRE_PYTHON=1 that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
case "${1:-}" in build | test) ;; *) sed -n '2,/^set/p' "$0" | sed '$d' >&2 && exit 2 ;; esac

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo 'SKIPPED: the Python package, there is no python3 from 3.10 on (Debian: python3 python3-venv)' >&2
    [ "${ANYGRAD_REQUIRE_PYTHON:-0}" != 1 ] || exit 1
    exit 0
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null && command -v apt-get >/dev/null; then
    sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
fi
venv="$target/python"
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement python/requirements-test.txt
rm -rf "$target/wheels"
"$venv/bin/maturin" build --quiet --manifest-path python/Cargo.toml --compression-level 9 --out "$target/wheels" --interpreter "$venv/bin/python"
wheel="$(echo "$target"/wheels/*.whl)"
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
bytes="$(wc -c <"$wheel")"
echo "$wheel: $bytes bytes"
[ "$bytes" -le 5000000 ] || { echo "the wheel is larger than 5 MB" >&2 && exit 1; }
[ "$1" = test ] || exit 0

# Not from python/, where `import anygrad` would find the sources in the place of the wheel.
program="$(cd "$target" && pwd)/release/anygrad"
[ -x "$program" ] || program="$(cd "$target" && pwd)/debug/anygrad"
folder="$PWD/python"
cd "$target"
ANYGRAD="${ANYGRAD:-$program}" "$PWD/python/bin/python" -m pytest --quiet -p no:cacheprovider \
    -c "$folder/pyproject.toml" --rootdir "$folder" "$folder/tests" anygrad

#!/usr/bin/env bash
# Training steps of anygrad and its peers, anygrad's matrix products and its choices of variants, interleaved over several
# rounds: Markdown tables on stdout, and every measurement with what it ran on in a JSON file, which is to be committed
# with the figures that come from it. Before each measurement it waits, for half a minute at most, until the machine is
# idle (benches/peers/idle.py).
#
#   scripts/bench-peers.sh [ROUNDS]        # 5 rounds unless told otherwise
#
# The peers' Python packages are in benches/peers/requirements.txt. What is absent is skipped, and said so on stderr.
# Environment:
#   PYTHON    the interpreter [python3]
#   ANYGRAD   the program [built here]
#   COMMIT    what ANYGRAD was built from [unknown; of a program built here, the commit that is checked out]
#   BURN      a program that runs the step in Burn, or `build` for benches/peers/burn, some 15 minutes [none]
#   PEERS     which peers [torch jax numpy, torch-cuda torch-graph where there is CUDA, burn-flex burn-wgpu with BURN]
#   NETS      such as "784-128-10@64" [the four of `anygrad bench`]
#   DEVICE    cpu, gpu or both, for anygrad [both]
#   EACH      seconds for each measurement [2]
#   OUT       the JSON file [benches/results/DATE-MACHINE.json]
set -euo pipefail
cd "$(dirname "$0")/.."

rounds="${1:-5}"
case "$rounds" in '' | *[!0-9]* | 0) sed -n '2,/^set/p' "$0" | sed '$d' >&2 && exit 2 ;; esac
python="${PYTHON:-python3}"
nets="${NETS:-128-64-64-10@16 784-128-10@64 784-512-256-10@128 784-1024-1024-10@1024}"
device="${DEVICE:-both}" each="${EACH:-2}"
peers="${PEERS:-torch jax numpy torch-cuda torch-graph burn-flex burn-wgpu}"
command -v "$python" >/dev/null || { echo "no $python: set PYTHON to an interpreter" >&2 && exit 2; }
# Drivers look for a display there and complain if it is unset.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"

target="${CARGO_TARGET_DIR:-target}"
anygrad="${ANYGRAD:-}" commit="${COMMIT:-}" compiler=''
if [ -z "$anygrad" ]; then
    cargo build --release --quiet
    anygrad="$target/release/anygrad"
    commit="$(git rev-parse HEAD)" compiler="$(rustc --version)"
    [ -z "$(git status --porcelain -- . ':(exclude)benches/results')" ] || commit="$commit-dirty"
fi
if [ "${BURN:-}" = build ]; then
    cargo build --release --locked --manifest-path benches/peers/burn/Cargo.toml --target-dir "$target/burn" >&2
    BURN="$target/burn/release/burn-step"
fi
export BURN="${BURN:-}"
devices="$device"
[ "$device" = both ] && devices='cpu gpu'
lines="$(mktemp)"
# Drivers keep compiled kernels on disk. Each run starts with none, so that its first step is that of a new machine.
caches="$(mktemp -d)"
trap 'rm -rf "$lines" "$lines.best" "$caches"' EXIT
export MESA_SHADER_CACHE_DIR="$caches" __GL_SHADER_DISK_CACHE_PATH="$caches"

software="$("$anygrad" devices --format json | grep -c '"kind":"software"' || true)"
# Whether a net is too large for a driver that runs on the CPU.
too_large() { [ "$1" = gpu ] && [ "$software" != 0 ] && [ "${2#*@}" -ge 1024 ]; }

wait_until_idle() { "$python" benches/peers/idle.py "$lines.best"; }

absent=' '
for ((round = 1; round <= rounds; round++)); do
    for net in $nets; do
        echo "round $round of $rounds, $net" >&2
        for one in $devices; do
            if too_large "$one" "$net"; then
                [ "$round" != 1 ] || echo "SKIPPED: $net on a software adapter" >&2
                continue
            fi
            case "$absent" in *" $one "*) continue ;; esac
            code=0
            rm -rf "$caches"/*
            wait_until_idle
            "$anygrad" bench --nets "$net" --device "$one" --seconds "$each" --format json >>"$lines" || code=$?
            # Once more a first step, now with what the driver has compiled.
            [ "$one $code" != 'gpu 0' ] || "$anygrad" bench --nets "$net" --device gpu --steps 1 --seconds 0.01 \
                --format json | sed 's/"event":"bench"/"event":"bench_again"/' >>"$lines"
            # No GPU is no reason to stop.
            if [ "$code" = 3 ]; then absent="$absent$one "; elif [ "$code" != 0 ]; then exit "$code"; fi
        done
        for peer in $peers; do
            case "$absent" in *" $peer "*) continue ;; esac
            if [ "$peer" = burn-wgpu ] && too_large gpu "$net"; then continue; fi
            code=0
            wait_until_idle
            "$python" benches/peers/mlp_step.py "$peer" "$net" "$each" >>"$lines" || code=$?
            if [ "$code" = 3 ]; then absent="$absent$peer "; elif [ "$code" != 0 ]; then exit "$code"; fi
        done
    done
    for one in $devices; do
        case "$absent" in *" $one "*) continue ;; esac
        echo "round $round of $rounds, products, $one" >&2
        wait_until_idle
        "$anygrad" bench --products --device "$one" --seconds "$each" --format json >>"$lines" ||
            echo "SKIPPED: products, $one" >&2
        [ "$one" = gpu ] || continue
        echo "round $round of $rounds, choices of variants" >&2
        wait_until_idle
        "$anygrad" tune --fresh --tuning-file "$caches/tuning.json" --format json >>"$lines" ||
            echo 'SKIPPED: choices of variants' >&2
    done
done

results="$("$python" benches/peers/results.py "$lines" "$anygrad" "$commit" "$compiler" "$rounds" "$each" "${OUT:-}")"
"$python" benches/peers/table.py "$results"
echo "results: $results" >&2

#!/usr/bin/env bash
# The comparisons with the twins on every driver of this machine that runs on the processor, and a table of what came of
# them, which is kept in docs/drivers-last-run.txt. A person starts it; TESTS names the tests, LIMIT the seconds of one.
#
#   scripts/drivers.sh                     lavapipe, SwiftShader (Debian's chromium), Mesa's OpenGL
#   MESA_ICD=PATH scripts/drivers.sh       the same, and another Mesa by the JSON file of its driver
#   DRIVERS='lavapipe' TESTS='masks gradients' scripts/drivers.sh
set -euo pipefail
cd "$(dirname "$0")/.."
table="${TABLE:-docs/drivers-last-run.txt}"
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}" ANYGRAD_REQUIRE_GPU=1
logs="${CARGO_TARGET_DIR:-target}/tmp/drivers"
mkdir -p "$logs"

# The JSON file of a driver; of OpenGL one that hides Vulkan's drivers.
icd() {
    case "$1" in
    lavapipe) compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' | head -n 1 ;;
    swiftshader) compgen -G '/usr/lib/chromium/vk_swiftshader_icd.json' ;;
    opengl) compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null && echo /dev/null ;;
    mesa) [ -n "${MESA_ICD:-}" ] && echo "$MESA_ICD" ;;
    esac
}

cargo build --quiet --features parquet
{
    echo "anygrad $(git describe --always --dirty), $(date +%F), $(uname -sm), $(getconf _NPROCESSORS_ONLN) processors"
    echo "Limit of a test: ${LIMIT:-1800} s.${ANYGRAD_KERNELS:+ Kernels with $ANYGRAD_KERNELS in their names only.}"
    for driver in ${DRIVERS:-lavapipe swiftshader opengl mesa}; do
        echo
        if ! file="$(icd "$driver")" || [ -z "$file" ]; then
            echo "$driver: not installed here$([ "$driver" != mesa ] || echo ' (MESA_ICD)')"
            continue
        fi
        export VK_DRIVER_FILES="$file"
        adapter="$(cargo run --quiet --features parquet -- devices --format json | head -n 1)"
        echo "$driver: $(sed -n 's/.*"name":"\([^"]*\)".*/\1/p' <<<"$adapter"), $(sed -n 's/.*"driver":"\([^"]*\)".*/\1/p' <<<"$adapter")"
        for name in ${TESTS:-kernels masks gradients gradcheck fusion lockstep determinism golden}; do
            code=0 start=$SECONDS log="$logs/$driver-$name.log"
            rm -rf "$logs/counts"
            ANYGRAD_COMPARISONS="$PWD/$logs/counts" timeout "${LIMIT:-1800}" \
                cargo test --features parquet --test "$name" -- ${FILTER:-} >"$log" 2>&1 || code=$?
            counts=0
            [ ! -d "$logs/counts" ] || counts="$(cat "$logs/counts"/* | awk '{ sum += $1 } END { print sum + 0 }')"
            result="$(sed -n 's/^test result: \([^;]*; [0-9]* failed\).*/\1/p' "$log" | tail -n 1)"
            [ "$code" != 124 ] || result='not done within the limit'
            printf '    %-12s %-32s %8s comparisons %6s s\n' "$name" "${result:-exit code $code}" "$counts" "$((SECONDS - start))"
        done
    done
} | tee "$table.part"
mv "$table.part" "$table"
! grep -Eq ' [1-9][0-9]* failed|exit code|within the limit' "$table"

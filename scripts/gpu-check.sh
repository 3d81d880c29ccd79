#!/usr/bin/env bash
# Checks and measures every GPU of a machine that has no Rust: kernels against their twins, then the benches.
#
#   scripts/gpu-check.sh pack [FOLDER]       # where Rust is: builds, and puts what is needed into FOLDER and FOLDER.tar.gz
#   ./gpu-check.sh run [RESULT.json]         # in that folder, on the other machine: needs bash and a graphics driver
#
# Environment of `run`: ADAPTERS, positions in `anygrad devices` [all]; TESTS, names [all of the folder]; EACH, seconds
# for each net, and for its kernels [2]; NETS, such as 784-128-10@64 [those of `anygrad bench`]; LIMIT, seconds for one
# test binary [1800]. Exit code 1 if a test or a bench failed, 3 if there is no adapter.
set -euo pipefail

# Binaries that need no file but shaders/, and compare what a GPU computes.
tests='shaders kernels masks launches gradients gradcheck lockstep golden golden_scikit_learn fusion determinism forecast pipeline_cache'

usage() {
    sed -n '2,/^set/p' "$0" | sed '$d' >&2
    exit 2
}

pack() {
    cd "$(dirname "$0")/.."
    local folder="${1:-target/gpu-check}" names=() name binary messages
    mkdir -p "$folder/bin"
    cargo build --release
    for name in $tests; do names+=(--test "$name"); done
    messages="$(cargo test --no-run --message-format=json "${names[@]}")"
    for name in $tests; do
        binary="$(sed -n 's/.*"kind":\["test"\].*"name":"'"$name"'".*"executable":"\([^"]*\)".*/\1/p' <<<"$messages")"
        [ -x "$binary" ] || { echo "no binary of tests/$name.rs" >&2 && exit 1; }
        cp "$binary" "$folder/bin/$name"
    done
    cp "${CARGO_TARGET_DIR:-target}/release/anygrad" "$folder/anygrad"
    # Names for backtraces stay, line tables go.
    if command -v strip >/dev/null; then strip --strip-debug "$folder/anygrad" "$folder"/bin/*; fi
    rm -rf "$folder/shaders"
    cp -r shaders "$folder/shaders"
    cp scripts/gpu-check.sh "$folder/gpu-check.sh"
    git describe --always --dirty >"$folder/version" 2>/dev/null || echo unknown >"$folder/version"
    tar -czf "$folder.tar.gz" -C "$(dirname "$folder")" "$(basename "$folder")"
    echo "$folder and $folder.tar.gz: unpack, then ./gpu-check.sh run" >&2
}

# Items of a JSON array, from lines.
array() { sed '/^$/d' | paste -sd, -; }

limited() {
    if command -v timeout >/dev/null; then timeout "${LIMIT:-1800}" "$@"; else "$@"; fi
}

# Runs one test binary on an adapter and prints its JSON object.
run_test() {
    local adapter="$1" name="$2" log="$3" code=0 start=$SECONDS counts comparisons failed
    local filed="$log.comparisons"
    rm -rf "$filed"
    ANYGRAD_TEST_ADAPTER="$adapter" ANYGRAD_REQUIRE_GPU=1 ANYGRAD_COMPARISONS="$filed" \
        limited "./bin/$name" >"$log" 2>&1 || code=$?
    counts="$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed; \([0-9]*\) failed.*/"passed":\1,"failed":\2/p' "$log")"
    comparisons=0
    [ ! -d "$filed" ] || comparisons="$(cat "$filed"/* | awk '{ sum += $1 } END { print sum + 0 }')"
    failed="$(sed -n 's/^test \([a-z0-9_:]*\) \.\.\. FAILED$/"\1"/p' "$log" | array)"
    printf '{"test":"%s","ok":%s,"exit_code":%s,%s,"comparisons":%s,"failures":[%s],"seconds":%s}\n' "$name" \
        "$([ "$code" = 0 ] && echo true || echo false)" "$code" "${counts:-\"passed\":0,\"failed\":null}" \
        "$comparisons" "$failed" "$((SECONDS - start))"
}

run() {
    local here result found adapter name line code bench nets=() failures=0 first=1
    here="$(cd "$(dirname "$0")" && pwd)"
    result="${1:-$here/gpu-check.json}"
    case "$result" in /*) ;; *) result="$PWD/$result" ;; esac
    cd "$here"
    [ -x ./anygrad ] && [ -d bin ] || { echo "there is no program here: make this folder with \`pack\`" >&2 && exit 2; }
    # Drivers look for a display there and complain if it is unset.
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}"
    found="$(./anygrad devices --format json)"
    local logs="$here/logs"
    mkdir -p "$logs"
    local all
    all="$(sed -n 's/.*"device":\([0-9][0-9]*\),.*/\1/p' <<<"$found")"
    [ -n "$all" ] || { echo 'no graphics adapter: see `./anygrad devices`' >&2 && exit 3; }
    [ -z "${NETS:-}" ] || nets=(--nets "${NETS// /,}")

    {
        printf '{"version":"%s","date":"%s","system":"%s","processors":%s,\n"adapters":[' \
            "$(cat version)" "$(date +%F)" "$(uname -sm)" "$(getconf _NPROCESSORS_ONLN)"
        for adapter in ${ADAPTERS:-$all}; do
            line="$(grep "\"device\":$adapter," <<<"$found")" || { echo "no adapter $adapter" >&2 && exit 2; }
            [ "$first" = 1 ] || printf ','
            first=0
            printf '\n{"adapter":%s,\n"tests":[' "$line"
            local lines=''
            for name in ${TESTS:-$tests}; do
                echo "adapter $adapter: $name" >&2
                line="$(run_test "$adapter" "$name" "$logs/$adapter-$name.log")"
                echo "    $line" >&2
                case "$line" in *'"ok":true'*) ;; *) failures=$((failures + 1)) ;; esac
                lines+="$line"$'\n'
            done
            printf '%s],\n"bench":[' "$(array <<<"$lines")"
            echo "adapter $adapter: bench" >&2
            code=0
            bench="$(limited ./anygrad bench --device "$adapter" --kernels --seconds "${EACH:-2}" --format json \
                ${nets[@]+"${nets[@]}"} 2>"$logs/$adapter-bench.log")" || code=$?
            [ "$code" = 0 ] || failures=$((failures + 1))
            printf '%s],"bench_exit_code":%s}' "$(array <<<"$bench")" "$code"
        done
        echo 'processor: bench' >&2
        bench="$(limited ./anygrad bench --device cpu --kernels --seconds "${EACH:-2}" --format json \
            ${nets[@]+"${nets[@]}"} 2>"$logs/cpu-bench.log")" || failures=$((failures + 1))
        printf '],\n"cpu_bench":[%s],\n"failures":%s}\n' "$(array <<<"$bench")" "$failures"
    } >"$result.part"
    mv "$result.part" "$result"
    echo "$failures failures; $result, logs in $logs" >&2
    [ "$failures" = 0 ]
}

case "${1:-}" in
pack | run) "$@" ;;
*) usage ;;
esac

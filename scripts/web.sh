#!/usr/bin/env bash
# The library in a browser.
#
#   scripts/web.sh check    whether the library and the page's engine compile for wasm32, and lints
#   scripts/web.sh build    target/web/: static files, index.html among them; and what web/pkg needs for npm
#   scripts/web.sh test     the same, then the page driven in Chromium, and its size
#   scripts/web.sh bench    steps beside those of jax-js and tfjs, interleaved in one browser
#   scripts/web.sh endure   an hour of training in a tab (or so many minutes): the memory that it takes
#   scripts/web.sh pictures the page in three sizes, light and dark, for docs/
#   scripts/web.sh serve    target/web/ on http://localhost:8080
#
# Needs std's source for wasm32 (rustup's rust-src, or Debian's rustc-web), wasm-split and wasm-opt (binaryen) and node; the tests npm and
# Chromium, too, which CHROMIUM names. On Debian it installs what is missing. Tests that lack something are skipped, unless
# ANYGRAD_REQUIRE_BROWSER=1. ANYGRAD_PROGRAM names the program that the page is compared with.
set -euo pipefail
cd "$(dirname "$0")/.."
command="${1:-}"
target="${CARGO_TARGET_DIR:-target}"
site=target/web
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
# Most bytes, gzipped, of what a page loads before it trains: the first part of the engine and its JavaScript.
limit=400000

# Ends for want of something: tests that are not required are skipped.
lacking() {
    if [[ $command = @(check|test) ]] && [ "${ANYGRAD_REQUIRE_BROWSER:-0}" != 1 ]; then
        echo "SKIPPED: the page: there is no $1"
        exit 0
    fi
    echo "web: there is no $1" >&2
    exit 1
}

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

# Packages of Debian's.
install() {
    command -v apt-get >/dev/null || return 1
    local sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    [ -n "${updated:-}" ] || $sudo apt-get update -qq || return 1
    updated=1
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1
}

# The cargo that compiles std for wasm32, which makes half of what is compiled smaller: that of the rustc in PATH if it has std's
# source or rustup has it, else Debian's, which links by its lld.
toolchain() {
    local sysroot
    cargo=cargo
    sysroot="$(rustc --print sysroot 2>/dev/null)" || sysroot=/usr
    [ -d "$sysroot/lib/rustlib/src/rust/library/std" ] || rustup component add rust-src >/dev/null 2>&1 || true
    if ! [ -d "$sysroot/lib/rustlib/src/rust/library/std" ]; then
        [ -d /usr/lib/rustlib/src/rust/library/std ] && [ -x /usr/bin/cargo ] || install rustc-web cargo-web rust-web-src lld ||
            lacking 'source of std for wasm32: rustup component add rust-src, or Debian'"'"'s rustc-web cargo-web rust-web-src lld'
        sysroot=/usr cargo=/usr/bin/cargo
        export RUSTC=/usr/bin/rustc
    fi
    compgen -G "$sysroot/lib/rustlib/*/bin/rust-lld" >/dev/null && return
    command -v wasm-ld >/dev/null || install lld || lacking "linker for wasm32: Debian's lld"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld
}

check() {
    local std=() clippy=clippy allowed=(-- -D warnings)
    rustup target add wasm32-unknown-unknown >/dev/null 2>&1 || true
    cargo=cargo
    if ! [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
        toolchain
        export RUSTC_BOOTSTRAP=1
        std=(-Z build-std=std,panic_abort) clippy=check allowed=()
    fi
    set -- --quiet --target wasm32-unknown-unknown "${std[@]}"
    "$cargo" check --lib --no-default-features "$@"
    "$cargo" "$clippy" --package anygrad-web "$@" "${allowed[@]}"
}

build() {
    local wasm_bindgen
    toolchain
    step 'the engine'
    # A panic is a trap there: what it would say is left out, as are the places of those that never come. Loop strength
    # reduction forgets that addresses do not wrap, so that offsets cannot stand in the loads: longer code, and slower.
    local flags='-C target-feature=+simd128,-reference-types,-multivalue -C llvm-args=-disable-lsr'
    # The loop of matrix products finds a place in the table of functions.
    flags+=' -C link-arg=--growable-table'
    # Memory that is shared must have a limit, which it has in any case.
    flags+=' -C link-arg=--max-memory=4294967296'
    flags+=' -Z unstable-options -C panic=immediate-abort -Z location-detail=none'
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" \
        "$cargo" build --quiet -p anygrad-web --profile web --target wasm32-unknown-unknown \
        -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size
    # The loop of matrix products: a module that has no memory and no stack of its own.
    flags='-C target-feature=+simd128,+relaxed-simd,+atomics,+bulk-memory,-reference-types,-multivalue -C llvm-args=-disable-lsr'
    flags+=' -C link-arg=--import-memory -C link-arg=--max-memory=4294967296 -C link-arg=-zstack-size=0 -Z unstable-options -C panic=immediate-abort'
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" CARGO_TARGET_DIR="$target/fused" \
        "$cargo" build --quiet --release --locked --manifest-path web/fused/Cargo.toml --target wasm32-unknown-unknown \
        -Z build-std=core
    step 'its JavaScript'
    wasm_bindgen="$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
    grep -q "wasm-bindgen-cli-support = \"=$wasm_bindgen\"" web/bindgen/Cargo.toml || {
        echo "web: Cargo.lock has wasm-bindgen $wasm_bindgen: name the same version in web/bindgen/Cargo.toml" >&2
        exit 1
    }
    CARGO_TARGET_DIR="$target/bindgen" cargo build --quiet --locked --manifest-path web/bindgen/Cargo.toml
    rm -rf web/pkg/engine "$site" "$target/web-whole"
    mkdir -p web/pkg/engine "$site/anygrad"
    "$target/bindgen/debug/bindgen" "$target/wasm32-unknown-unknown/web/anygrad_web.wasm" "$target/web-whole"
    cp src/data/embedded/digits.csv.gz web/pkg/engine/
    cp "$target/fused/wasm32-unknown-unknown/release/anygrad_fused.wasm" web/pkg/engine/
    step 'its two parts'
    command -v wasm-split >/dev/null || install binaryen || lacking 'wasm-split (binaryen)'
    command -v node >/dev/null || install nodejs npm || lacking node
    node web/split/split.mjs "$target/web-whole" web/pkg
    cp -r web/pkg/engine web/pkg/index.js web/pkg/parts.js web/pkg/helper.js web/pkg/toml.js "$site/anygrad/"
    cp web/page/* "$site/"
    sizes
}

# The size of what a page loads before it can train, and of the second part of the engine, which comes after that.
sizes() {
    local first second glue
    first="$(gzip -9c "$site/anygrad/engine/anygrad_bg.wasm" | wc -c)"
    second="$(gzip -9c "$site/anygrad/engine/anygrad_second.wasm" | wc -c)"
    first=$((first + $(gzip -9c "$site/anygrad/engine/anygrad_fused.wasm" | wc -c)))
    glue="$(cat "$site"/anygrad/engine/anygrad.js "$site"/anygrad/*.js | gzip -9c | wc -c)"
    printf '{"first_gzipped":%d,"javascript_gzipped":%d,"limit":%d,"second_gzipped":%d}\n' \
        "$first" "$glue" "$limit" "$second" | tee "$site/size.json"
}

# npm's packages of the folder web/$1, and a browser.
browser() {
    command -v npm >/dev/null || install nodejs npm || lacking npm
    if [ -z "${CHROMIUM:-}" ]; then
        CHROMIUM="$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)"
        [ -n "$CHROMIUM" ] || { install chromium && CHROMIUM=/usr/bin/chromium; } || lacking 'browser: CHROMIUM names a Chromium'
        export CHROMIUM
    fi
    mkdir -p "$target/web-$1"
    cp "web/$1/package.json" "web/$1/package-lock.json" "$target/web-$1/"
    (cd "$target/web-$1" && npm ci --silent --no-audit --no-fund >/dev/null && pwd -P >.path) || lacking 'playwright-core, which npm brings'
    NODE_PATH="$(cat "$target/web-$1/.path")/node_modules"
    export NODE_PATH
}

case "$command" in
check) check ;;
build) build ;;
test)
    build
    step 'the page in a browser'
    browser tests
    [ -n "${ANYGRAD_PROGRAM:-}" ] || cargo build --quiet --bin anygrad
    node web/tests/run.mjs
    node web/tests/page.mjs
    ;;
bench)
    build
    browser bench
    node web/bench/bench.mjs
    ;;
pictures)
    build
    browser tests
    node web/tests/pictures.mjs
    ;;
endure)
    build
    browser tests
    node web/tests/endurance.mjs "${2:-60}"
    ;;
serve)
    cd "$site"
    # Pages may have threads where their server isolates them.
    exec python3 -c '
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
class Isolated(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".wasm": "application/wasm"}
    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()
print("http://localhost:8080", flush=True)
ThreadingHTTPServer(("", 8080), Isolated).serve_forever()'
    ;;
*)
    sed -n '2,16s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

#!/usr/bin/env bash
# The library in a browser.
#
#   scripts/web.sh build    target/web/: static files, index.html among them; and what web/pkg needs for npm
#   scripts/web.sh test     the same, then the page driven in Chromium, and its size
#   scripts/web.sh bench    steps beside those of jax-js and tfjs, interleaved in one browser
#   scripts/web.sh serve    target/web/ on http://localhost:8080
#
# CHROMIUM names a browser. Without a browser the tests are skipped, unless
# ANYGRAD_REQUIRE_BROWSER=1.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
site=target/web
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
# Most bytes of the compiled engine and its JavaScript, both gzipped. What is aimed at is 409600.
limit=600000

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

install() {
    command -v apt-get >/dev/null || return 1
    local sudo=''
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null 2>&1
}

# The cargo that compiles std for wasm32, which makes half of what is compiled smaller: rustup's if it has std's source or can
# have it, else Debian's.
toolchain() {
    local sysroot
    cargo=cargo
    if sysroot="$(rustc --print sysroot 2>/dev/null)"; then
        [ -d "$sysroot/lib/rustlib/src/rust/library/std" ] || rustup component add rust-src >/dev/null 2>&1 || true
        [ ! -d "$sysroot/lib/rustlib/src/rust/library/std" ] || return 0
    fi
    cargo=/usr/bin/cargo
    [ -d /usr/src/rustc-*/library/std ] 2>/dev/null && command -v wasm-ld >/dev/null ||
        install rustc-web cargo-web rust-web-src lld || {
        echo 'web: no source of std for wasm32: rustup component add rust-src, or Debian'"'"'s rustc-web cargo-web rust-web-src lld' >&2
        exit 1
    }
    export RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld
}

build() {
    local wasm_bindgen
    toolchain
    step 'the engine'
    # A panic is a trap there: what it would say is left out, as are the places of those that never come. Loop strength
    # reduction forgets that addresses do not wrap, so that offsets cannot stand in the loads: longer code, and slower.
    local flags='-C target-feature=+simd128 -C llvm-args=-disable-lsr'
    flags+=' -Z unstable-options -C panic=immediate-abort -Z location-detail=none'
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" \
        "$cargo" build --quiet -p anygrad-web --profile web --target wasm32-unknown-unknown \
        -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size
    step 'its JavaScript'
    wasm_bindgen="$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
    grep -q "wasm-bindgen-cli-support = \"=$wasm_bindgen\"" web/bindgen/Cargo.toml || {
        echo "web: Cargo.lock has wasm-bindgen $wasm_bindgen: name the same version in web/bindgen/Cargo.toml" >&2
        exit 1
    }
    CARGO_TARGET_DIR="$target/bindgen" cargo build --quiet --release --locked --manifest-path web/bindgen/Cargo.toml
    rm -rf web/pkg/engine "$site"
    mkdir -p web/pkg/engine "$site/anygrad"
    "$target/bindgen/release/bindgen" "$target/wasm32-unknown-unknown/web/anygrad_web.wasm" web/pkg/engine
    rm -f web/pkg/engine/anygrad_bg.wasm.d.ts
    cp src/data/embedded/digits.csv.gz web/pkg/engine/
    cp -r web/pkg/engine web/pkg/index.js web/pkg/toml.js "$site/anygrad/"
    cp web/page/* "$site/"
    sizes
}

# The size of what a page loads before it can train.
sizes() {
    local wasm glue
    wasm="$(gzip -9c "$site/anygrad/engine/anygrad_bg.wasm" | wc -c)"
    glue="$(cat "$site"/anygrad/engine/anygrad.js "$site"/anygrad/*.js | gzip -9c | wc -c)"
    printf '{"wasm_gzipped":%d,"javascript_gzipped":%d,"limit":%d}\n' "$wasm" "$glue" "$limit" | tee "$site/size.json"
}

# Node, npm's packages of the folder web/$1, and a browser; says no where there is none.
browser() {
    command -v node >/dev/null || install nodejs npm || return 1
    if [ -z "${CHROMIUM:-}" ]; then
        [ -x /usr/bin/chromium ] || install chromium || return 1
        export CHROMIUM=/usr/bin/chromium
    fi
    mkdir -p "$target/web-$1"
    cp "web/$1/package.json" "web/$1/package-lock.json" "$target/web-$1/"
    (cd "$target/web-$1" && npm ci --silent --no-audit --no-fund >/dev/null && pwd -P >.path) || return 1
    NODE_PATH="$(cat "$target/web-$1/.path")/node_modules"
    export NODE_PATH
}

case "${1:-}" in
build) build ;;
test)
    build
    step 'the page in a browser'
    if browser tests; then
        cargo build --quiet --bin anygrad
        node web/tests/run.mjs
        node web/tests/page.mjs
    elif [ "${ANYGRAD_REQUIRE_BROWSER:-0}" = 1 ]; then
        echo 'web: the tests need node, npm, Chromium and playwright-core, and ANYGRAD_REQUIRE_BROWSER=1 asks for them' >&2
        exit 1
    else
        echo 'SKIPPED: the tests of the page: there is no node, npm, Chromium or playwright-core'
    fi
    ;;
bench)
    build
    browser bench || { echo 'web: the bench needs node, npm and Chromium' >&2; exit 1; }
    node web/bench/bench.mjs
    ;;
serve)
    cd "$site"
    exec python3 -m http.server 8080
    ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

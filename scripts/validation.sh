#!/usr/bin/env bash
# Training under Khronos's current validation layer (of Debian's chromium), with checks of synchronization. First a program
# that is wrong on purpose must be reported; then no message may come but the one that is known, of naga
# (gfx-rs/wgpu#7696). What came of it is kept in docs/validation-last-run.txt. A person starts it.
set -euo pipefail
cd "$(dirname "$0")/.."
known='VUID-StandaloneSpirv-None-10684'
layer="${LAYER:-/usr/lib/chromium/libVkLayer_khronos_validation.so}"
result="${RESULT:-docs/validation-last-run.txt}"
[ -e "$layer" ] || { echo "there is no $layer: install Debian's chromium, or name a layer by LAYER" >&2 && exit 2; }
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
cat >"$folder/layer.json" <<JSON
{"file_format_version": "1.1.0", "layer": {"name": "VK_LAYER_KHRONOS_validation", "type": "GLOBAL",
 "library_path": "$layer", "api_version": "1.4.300", "implementation_version": "1", "description": "validation",
 "instance_extensions": [{"name": "VK_EXT_debug_utils", "spec_version": "2"}]}}
JSON
export VK_LAYER_PATH="$folder" VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_SETTINGS_PATH="$folder"

# Runs a command; the layer's messages go to a file.
under() {
    local log="$1"
    shift
    cat >"$folder/vk_layer_settings.txt" <<SETTINGS
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.log_filename = $log
khronos_validation.report_flags = error,warn
khronos_validation.enable_message_limit = false
khronos_validation.validate_sync = true
khronos_validation.syncval_submit_time_validation = true
khronos_validation.syncval_shader_accesses_heuristic = true
SETTINGS
    timeout "${LIMIT:-600}" "$@" >"$log.out" 2>&1
}

cargo build --quiet --features parquet
program="${CARGO_TARGET_DIR:-target}/debug/anygrad"
failures=0
{
    echo "anygrad $(git describe --always --dirty), $(date +%F), $(uname -sm)"
    echo "layer: $layer$(dpkg-query -W -f ', chromium ${Version}' chromium 2>/dev/null || true)"
    echo "device: $("$program" devices --format json | head -n 1)"
    under "$folder/control" python3 scripts/validation_control.py || true
    for expected in VUID-VkBufferCreateInfo-size-00912 SYNC-HAZARD-WRITE-AFTER-WRITE; do
        if grep -q "$expected" "$folder/control" "$folder/control.out"; then
            echo "control: $expected is reported"
        else
            echo "control: FAILED, $expected is not reported" && failures=1
        fi
    done
    number=0
    while read -r options; do
        number=$((number + 1)) code=0 log="$folder/$number"
        # shellcheck disable=SC2086
        under "$log" "$program" train --device gpu --out "$folder/run$number" --epochs 2 $options || code=$?
        touch "$log"
        all="$(grep -hoE '(VUID|SYNC-HAZARD|BestPractices|WARNING|UNASSIGNED)-[A-Za-z0-9-]+' "$log" "$log.out" | sort | uniq -c | sort -rn || true)"
        echo "train $options: exit code $code, messages:"
        echo "${all:-      none}" | sed 's/^ */    /'
        [ "$code" = 0 ] && ! grep -qv "$known" <<<"${all:-$known}" || failures=1
    done <<'NETS'
--hidden 128
--hidden 64,32 --optimizer adam --dropout 0.2 --l2 0.001
--hidden 512,256 --batch-size 128
--data circles --activation gelu --optimizer rmsprop
NETS
    echo "result: $([ "$failures" = 0 ] && echo "nothing but $known (gfx-rs/wgpu#7696)" || echo FAILED)"
    echo "$failures" >"$folder/failures"
} | tee "$folder/result"
cp "$folder/result" "$result"
[ "$(cat "$folder/failures")" = 0 ]

#!/usr/bin/env bash
# Trains on every table that gather.py wrote, with no flag but the target: scores, or the line that says what to do.
#   train_all.sh FOLDER ANYGRAD
set -u
folder="$1" program="$(realpath "$2")"
cd "$folder" || exit 1
runs="$(mktemp -d)"
trained=0 all=0
while IFS=$'\t' read -r file target _ _; do
    all=$((all + 1))
    if "$program" train "$file" --target "$target" --out "$runs/$file" >"$runs/out" 2>"$runs/err"; then
        trained=$((trained + 1))
        printf '%-30s %s\n' "$file" "$(grep -E '^test (accuracy|R²)' "$runs/out")"
    else
        printf '%-30s code %d: %s\n' "$file" "$?" "$(grep '^error' "$runs/err" | tail -1)"
    fi
done <tables.tsv
rm -rf "$runs"
echo "$trained of $all tables train"

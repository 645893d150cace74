#!/usr/bin/env bash
# docs_shots.sh REPORT.html [FOLDER]: the pictures of a report that the manual shows: desktop and phone, light
# and dark, and the first printed page, as small PNG files in FOLDER (default: docs/images).
# Needs Debian's chromium, poppler-utils and pngquant.
set -euo pipefail
page=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$(realpath -m "${2:-$root/docs/images}")
largest=150000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

chrome() {
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" "$@" \
    >/dev/null 2>"$work/chromium.log"
}

# shot NAME SCHEME WIDTH HEIGHT: the top of the page.
shot() {
  local scheme=1 # light; Chromium counts dark as 0
  [ "$2" = light ] || scheme=0
  chrome --blink-settings=preferredColorScheme=$scheme --window-size="$3,$4" \
    --screenshot="$work/$1.png" "file://$page"
  keep "$1"
}

# keep NAME: to $out, with the colours that it needs; fails where it stays large.
keep() {
  pngquant --force --speed 1 --strip --output "$out/$1.png" 64 "$work/$1.png"
  local bytes
  bytes=$(stat -c %s "$out/$1.png")
  echo "$out/$1.png: $bytes bytes"
  [ "$bytes" -lt $largest ] || { echo "$1.png is larger than $largest bytes" >&2; exit 1; }
}

shot report-desktop-light light 1280 1500
shot report-desktop-dark dark 1280 1500
shot report-phone-light light 390 1500
shot report-phone-dark dark 390 1500
chrome --print-to-pdf="$work/print.pdf" --no-pdf-header-footer "file://$page"
pdftoppm -png -r 80 -f 1 -l 1 -singlefile "$work/print.pdf" "$work/report-print"
keep report-print

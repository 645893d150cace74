# Shared by ./dev and its parts: where things are, how steps are told, how they fail.
# shellcheck shell=bash

deps=$root/.deps
engine_lib=$deps/onnxruntime/lib/libonnxruntime.so.1
engine_include=$deps/onnxruntime/include

step() { printf 'dev: %s\n' "$*" >&2; }

# fail STEP REASON REMEDY
fail() {
  printf 'dev: error: %s: %s; %s\n' "$1" "$2" "$3" >&2
  exit 4
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "packages" "root rights are needed to install them" "run as root, or install sudo"
  fi
}

# The engine: ONNX Runtime's library and its headers, in .deps/onnxruntime.
# shellcheck shell=bash

engine_version=1.30.0
engine_package_sha256=6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75
engine_x64_sha256=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
engine_arm64_sha256=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76
headers_package=libonnxruntime-dev
headers_suite=trixie

sha256_of() { sha256sum "$1" | cut -d' ' -f1; }

# check_sum FILE EXPECTED WHAT
check_sum() {
  [ "$(sha256_of "$1")" = "$2" ] ||
    fail "engine" "$3 has an unexpected checksum" "remove it and try again; if that does not help, name a library with QUANTBENCH_ORT"
}

place_engine() {
  if [ -n "${QUANTBENCH_ORT:-}" ]; then
    [ -e "$QUANTBENCH_ORT" ] || fail "engine" "QUANTBENCH_ORT=$QUANTBENCH_ORT does not exist" "correct or unset it"
    return 0
  fi
  [ -e "$engine_lib" ] && return 0
  ldconfig -p 2>/dev/null | grep -q 'libonnxruntime\.so' && return 0
  [ -z "${ONNXRUNTIME_ROOT:-}" ] || [ ! -e "$ONNXRUNTIME_ROOT/lib/libonnxruntime.so" ] || {
    mkdir -p "$(dirname "$engine_lib")"
    ln -sfn "$ONNXRUNTIME_ROOT/lib/libonnxruntime.so" "$engine_lib"
    return 0
  }
  fetch_engine
}

fetch_engine() {
  local arch sum work package
  case $(uname -m) in
    x86_64) arch=x64 sum=$engine_x64_sha256 ;;
    aarch64) arch=arm64 sum=$engine_arm64_sha256 ;;
    *) fail "engine" "no library for $(uname -m) is known" "name one with QUANTBENCH_ORT" ;;
  esac
  command -v npm >/dev/null || install_packages "fetching the engine" npm
  step "placing ONNX Runtime $engine_version ($arch) in .deps/onnxruntime"
  mkdir -p "$deps"
  work=$(mktemp -d "$deps/engine.XXXXXX")
  # npm's cache and logs stay in the temporary folder; nothing of the package is run.
  (cd "$work" && npm pack --silent --cache "$work/cache" --logs-max 0 "onnxruntime-node@$engine_version") \
    >"$work/npm.log" 2>&1 || {
      local reason
      reason=$(tail -n 1 "$work/npm.log")
      rm -rf "$work"
      fail "engine" "npm could not fetch onnxruntime-node@$engine_version ($reason)" \
        "check the network, or name a library with QUANTBENCH_ORT"
    }
  package=$work/onnxruntime-node-$engine_version.tgz
  check_sum "$package" "$engine_package_sha256" "the package"
  tar -xzf "$package" -C "$work" --wildcards "package/bin/napi-v*/linux/$arch/libonnxruntime.so.1"
  local unpacked
  unpacked=$(echo "$work"/package/bin/napi-v*/linux/"$arch"/libonnxruntime.so.1)
  check_sum "$unpacked" "$sum" "the library"
  mkdir -p "$(dirname "$engine_lib")"
  mv "$unpacked" "$engine_lib"
  rm -rf "$work"
}

place_headers() {
  [ -e "$engine_include/onnxruntime_c_api.h" ] && return 0
  local system
  for system in /usr/include/onnxruntime /usr/local/include/onnxruntime \
    /usr/include/onnxruntime/core/session; do
    [ -e "$system/onnxruntime_c_api.h" ] && return 0
  done
  [ -n "${ONNXRUNTIME_ROOT:-}" ] && [ -e "$ONNXRUNTIME_ROOT/include/onnxruntime_c_api.h" ] && return 0
  fetch_headers
}

# The mirror of the machine's own Debian sources, deb822 or one-line.
debian_mirror() {
  local file mirror
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    mirror=$(awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; i++) if ($i ~ /debian\/?$/) { print $i; exit } }' "$file")
    [ -z "$mirror" ] || { echo "$mirror"; return 0; }
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$file" ] || continue
    mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /:\/\/.*debian\/?$/) { print $i; exit } }' "$file")
    [ -z "$mirror" ] || { echo "$mirror"; return 0; }
  done
  return 1
}

fetch_headers() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg work
  local remedy="set ONNXRUNTIME_ROOT to a folder with include/onnxruntime_c_api.h"
  mirror=$(debian_mirror) || fail "headers" "no Debian mirror is among the apt sources" "$remedy"
  [ -e "$keyring" ] || fail "headers" "$keyring is missing" "install debian-archive-keyring, or $remedy"
  step "placing ONNX Runtime's headers in .deps/onnxruntime (Debian $headers_suite, $headers_package)"
  mkdir -p "$deps"
  work=$(mktemp -d "$deps/headers.XXXXXX")
  mkdir -p "$work"/{state/lists/partial,cache/archives/partial,etc}
  : >"$work/state/status"
  echo "deb [signed-by=$keyring] $mirror $headers_suite main" >"$work/etc/sources.list"
  # A private apt: its own sources, lists and cache; the system's are not touched. As root apt would
  # switch to a user who cannot enter our folder, so that is turned off.
  local apt=(apt-get -qq
    -o "Dir::Etc::sourcelist=$work/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  { "${apt[@]}" update && (cd "$work" && "${apt[@]}" download "$headers_package"); } >"$work/log" 2>&1 || {
    local reason
    reason=$(tail -n 1 "$work/log")
    rm -rf "$work"
    fail "headers" "$headers_package of Debian $headers_suite could not be fetched ($reason)" "check the network, or $remedy"
  }
  dpkg -x "$work"/"$headers_package"_*.deb "$work/unpacked"
  local header
  header=$(find "$work/unpacked" -name onnxruntime_c_api.h | head -n 1)
  [ -n "$header" ] || fail "headers" "the package holds no onnxruntime_c_api.h" "$remedy"
  mkdir -p "$(dirname "$engine_include")"
  rm -rf "$engine_include"
  mv "$(dirname "$header")" "$engine_include"
  rm -rf "$work"
}

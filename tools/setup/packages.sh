# Debian packages: one list, only the missing ones are installed.
# shellcheck shell=bash

# The compiler and the build.
build_packages="g++ cmake ninja-build pkg-config ccache ca-certificates"
# The guests of the rooms (docs/decisions/0001-guests.md).
guest_packages="libcli11-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev libprotozero-dev
  libhwy-dev libeigen3-dev libpng-dev zlib1g-dev libjpeg-dev libutf8proc-dev
  libsqlite3-dev libarchive-dev libcpp-httplib-dev"
# Tests, with libonnx, Expat and cmark-gfm as oracles; PyTorch for what examples/pytorch exports.
test_packages="libgtest-dev libgmock-dev libonnx-dev libprotobuf-dev libexpat1-dev
  libcmark-gfm-dev libcmark-gfm-extensions-dev strace python3-torch python3-numpy"
# Figures.
figure_packages="gnuplot-nox fonts-dejavu-core"
# The torch engine; only ./dev setup --with-torch and ./dev test need it.
torch_packages="libtorch-dev"
# Benchmarks; only ./dev bench needs them.
bench_packages="libbenchmark-dev"
# The sanitizers; only ./dev asan needs them.
sanitizer_packages="clang libclang-rt-dev llvm"
# Checks of the source text; only ./dev tidy and ./dev format need them.
check_packages="clang clang-tidy clang-format"

# Those of the arguments that neither are installed nor are provided by what is (libjpeg-dev is virtual).
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
    awk '$1 == "installed" { for (i = 2; i <= NF; i++) { sub(/,$/, "", $i); print $i } }')
  for package in "$@"; do
    grep -qxF "$package" <<<"$installed" || printf '%s ' "$package"
  done
}

# install_packages WHAT PACKAGE...
install_packages() {
  local what=$1 missing
  shift
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  step "installing Debian packages for $what: $missing"
  mkdir -p "$deps"
  local log=$deps/packages.log
  as_root apt-get update -qq >"$log" 2>&1 ||
    fail "packages" "apt-get update failed ($(tail -n 1 "$log"))" "check the network and the apt sources"
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
    >"$log" 2>&1 || fail "packages" "apt-get install failed ($(tail -n 1 "$log"))" "see $log"
}

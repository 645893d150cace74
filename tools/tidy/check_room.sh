#!/usr/bin/env bash
# check_room.sh ROOM: clang-tidy over the sources of a room; prints what it finds and then fails.
#
# clang-tidy matches its checks against everything that a source sees, the standard library's headers
# included. They take most of its time and are the same for every source, so the sources of a room are
# joined to one text and the headers are looked at once a room. This asks one thing of a room: the
# helpers of its sources have different names. A room whose joined text does not compile is checked
# source by source; kernels, which Highway compiles once a target, always are.
#
# clang-analyzer's checks explore the paths of each function up to a number of nodes: here 8,000, where
# clang's own shallow mode takes 75,000. Room graph took 110 s with 75,000, 56 s with 20,000 and 21 s
# without these checks; functions with more paths than that are seen less deeply.
# All checks are those of .clang-tidy but performance-unnecessary-value-param, which walks the whole text
# for every function that takes a value: a third of the time in room cli. Editors still show it.
#
# A clean verdict is remembered as an empty file in ${XDG_CACHE_HOME:-~/.cache}/quantbench/tidy, named
# by the hash of all that determines it: the text, every header that it includes, the compiler's flags,
# .clang-tidy and the tool's version. The folder can be removed at any time.
#
# QB_TIDY_QUICK=1 leaves out clang-analyzer's checks: about half of the time.
#
# ./dev tidy calls this for every room, after `cmake --preset tidy`, which writes the flags.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
build=$root/build/tidy
cache=${XDG_CACHE_HOME:-${HOME:-$build}/.cache}/quantbench/tidy
room=$1
text=$build/rooms/$room.cc

# The words that CMake gives the compiler for a source, without program, output and input, one a line.
flags_of() {
  local command words
  command=$(grep -F -- " -c $root/$1\"" "$build/compile_commands.json") || {
    printf '%s: not in build/tidy/compile_commands.json; cmake --preset tidy makes it\n' "$1" >&2
    return 1
  }
  command=${command#*\": \"}
  command=$(sed -e 's/\\"/"/g; s/\\\\/\\/g' <<<"${command%\",}")
  eval "words=($command)"  # CMake quoted it for a shell
  set -- "${words[@]:1}"
  while [ $# -gt 0 ]; do
    case $1 in
      -o | -c) shift ;;
      *) printf '%s\n' "$1" ;;
    esac
    shift
  done
}

# Writes the joined text of the arguments, and beside it the first line of each.
join_sources() {
  local line=1 source
  mkdir -p "$(dirname "$text")"
  for source in "$@"; do
    printf '%s %s\n' "$line" "$source"
    line=$((line + $(wc -l <"$source")))
  done >"$text.map"
  cat "$@" >"$text"
}

# A tool's output with places in the joined text told as places in the sources.
name_sources() {
  awk -v text="$text:" -v map="$text.map" -v root="$root/" '
    BEGIN { while ((getline line < map) > 0) { split(line, part, " "); first[++n] = part[1]; name[n] = part[2] } }
    index($0, text) == 1 {
      rest = substr($0, length(text) + 1)
      number = rest + 0
      sub(/^[0-9]+/, "", rest)
      for (i = n; i > 1 && first[i] > number; --i) {}
      $0 = name[i] ":" number - first[i] + 1 rest
    }
    index($0, root) == 1 { $0 = substr($0, length(root) + 1) }
    { print }'
}

# The name of the verdict on a file.
verdict_of() {
  {
    clang-tidy --version
    printf '%s\n' "${flags[@]}"
    sha256sum .clang-tidy
    printf '%s\n' "$unchecked"
    clang++ "${flags[@]}" -M -MT _ "$1" | tr -s ' \\' '\n' | grep '^/' | sort -u | xargs sha256sum
  } | sed "s|$root/||g" | sha256sum | cut -d' ' -f1
}

# Checks a file unless it was clean before.
check() {
  local verdict found
  verdict=$cache/$(verdict_of "$1")
  [ ! -e "$verdict" ] || return 0
  if found=$(clang-tidy --quiet --checks="$unchecked" "$1" -- "${flags[@]}" 2>&1); then
    mkdir -p "$cache"
    touch "$verdict"
  else
    name_sources <<<"$found" | grep -vE '^[0-9]+ warnings?.* generated|^Suppressed |^Use -header-filter'
    return 1
  fi
}

mapfile -t sources < <(find "src/$room" -name '*.cc' ! -name '*_test.cc' ! -name 'kernels_*' | sort)
mapfile -t kernels < <(find "src/$room" -name 'kernels_*.cc' ! -name '*_test.cc' | sort)
words=$(flags_of "${sources[0]}")
mapfile -t flags <<<"$words"
flags+=(-Xclang -analyzer-config -Xclang max-nodes=8000)
unchecked=-performance-unnecessary-value-param
[ -z "${QB_TIDY_QUICK:-}" ] || unchecked+=',-clang-analyzer-*'
failed=0
for source in "${kernels[@]}"; do check "$root/$source" || failed=1; done
join_sources "${sources[@]}"
found=$(check "$text") && exit "$failed"
if ! grep -qF '[clang-diagnostic-error]' <<<"$found"; then
  printf '%s\n' "$found"
  exit 1
fi
printf '%s: checked source by source, which is slow, as its sources cannot be joined: %s\n' "$room" \
  "$(grep -m 1 -F '[clang-diagnostic-error]' <<<"$found")"
for source in "${sources[@]}"; do check "$root/$source" || failed=1; done
exit "$failed"

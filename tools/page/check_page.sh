#!/usr/bin/env bash
# check_page.sh REPORT.html [SCREENSHOTS]: looks at a report as its readers do, in headless Chromium.
#
# Prints every mistake of its HTML (HTML Tidy), every violation of axe-core (WCAG 2 A and AA and its best
# practices) in light and dark, at desktop and phone width, every request that would leave the page, and
# whether the page is wider than a phone; fails when there is one. With a folder it leaves screenshots and
# the printed page (PDF) there.
# Needs Debian's chromium, tidy, node and npm (axe-core, pinned, is fetched once to the user's cache folder).
set -euo pipefail
page=$(realpath "$1")
shots=${2:-}
axe_version=4.10.2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/quantbench/axe
axe=$cache/axe-$axe_version.min.js
if [ ! -e "$axe" ]; then
  mkdir -p "$cache"
  (cd "$cache" && npm pack --silent "axe-core@$axe_version" >/dev/null &&
    tar xzf "axe-core-$axe_version.tgz" package/axe.min.js && mv package/axe.min.js "$axe")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy that may run scripts: the report itself forbids all.
python3 - "$page" "$axe" "$work/page.html" <<'PY'
import pathlib, re, sys
page, axe, out = map(pathlib.Path, sys.argv[1:])
html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
run = """<script>%s</script><script>
addEventListener("load", async () => {
  const result = await axe.run(document, {resultTypes: ["violations", "incomplete"]});
  const say = result.violations.map(v => v.id + " (" + v.impact + "): " + v.help + ": " +
    v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any[0] ? n.any[0].message : "")).join("; "));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) say.push("wider than the window by " + wide + " px");
  const pre = document.createElement("pre");
  pre.id = "axe-says";
  pre.textContent = "AXE " + result.passes.length + " rules passed\\n" + say.map(s => "AXE! " + s).join("\\n") + "\\nAXE.";
  document.body.append(pre);
});</script>""" % axe.read_text().replace("</script", "<\\/script")
out.write_text(html.replace("</body>", run + "</body>") if "</body>" in html else html + run)
PY

bad=0
tidy -e -q "$page" || bad=1

chrome() {
  chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" "$@" 2>"$work/chromium.log"
}

for scheme in light dark; do
  for width in 1280 360; do
    dark=
    [ $scheme = light ] || dark=--force-dark-mode
    # shellcheck disable=SC2086
    chrome $dark --blink-settings=preferredColorScheme=$([ $scheme = light ] && echo 1 || echo 0) \
      --window-size=$width,2000 --virtual-time-budget=60000 --dump-dom "file://$work/page.html" >"$work/dom" || true
    if ! grep -q 'AXE\.' "$work/dom"; then
      echo "$scheme, $width px: axe-core did not finish"
      bad=1
      continue
    fi
    grep -o 'AXE [0-9]* rules passed' "$work/dom" | head -n 1 | sed "s/^AXE/$scheme, $width px:/"
    if grep -E '^AXE! ' "$work/dom"; then bad=1; fi
    [ -z "$shots" ] || { mkdir -p "$shots" && chrome $dark \
      --blink-settings=preferredColorScheme=$([ $scheme = light ] && echo 1 || echo 0) \
      --window-size=$width,$([ $width = 360 ] && echo 6000 || echo 4000) --screenshot="$shots/$scheme-$width.png" "file://$page" >/dev/null; }
  done
done
[ -z "$shots" ] || chrome --print-to-pdf="$shots/print.pdf" --no-pdf-header-footer "file://$page" >/dev/null

# What would be fetched: nothing but fragments and data may stand in src, href of a stylesheet, url() or @import.
if grep -noE '(src|srcset|poster|data|action)="(https?:)?//[^"]*"|<link[^>]*href="(https?:)?//|url\((https?:)?//|@import' "$page"; then
  echo "the page fetches something"
  bad=1
fi
bytes=$(stat -c %s "$page")
echo "$bytes bytes"
[ "$bytes" -lt 1000000 ] || bad=1
exit $bad

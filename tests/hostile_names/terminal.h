// What terminals obey, what turns or hides text, and what is no text at all.
#pragma once

#include <string>
#include <vector>

namespace quantbench::testing {

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

}  // namespace quantbench::testing

// HostileNames: what a model, a data set or a record may call things to break out of a page, a
// table, a database or a terminal. Each sink's test passes every one through it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/format.h"

#include "hostile_names/commands.h"
#include "hostile_names/markdown.h"
#include "hostile_names/markup.h"
#include "hostile_names/terminal.h"

namespace quantbench::testing {

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

// Escaping: text from models, data and records made harmless for each kind of output.
#pragma once

#include <string>
#include <string_view>

namespace quantbench {

// For HTML text and double-quoted attributes; control characters made visible.
std::string EscapeHtml(std::string_view text);
// For a cell of a Markdown table: no pipe, no markup, no line break.
std::string EscapeMarkdown(std::string_view text);
// One CSV field [RFC 4180]; a field that a spreadsheet would run as a formula gets a leading '.
std::string EscapeCsv(std::string_view text);
// A double-quoted gnuplot string.
std::string EscapeGnuplot(std::string_view text);

// Columns a terminal needs for UTF-8 text (wide and combining characters of the common ranges
// counted).
std::size_t DisplayWidth(std::string_view text);

}  // namespace quantbench

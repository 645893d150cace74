// Escaping: text from models, data and records made harmless for each kind of output.
#pragma once

#include <string>
#include <string_view>

namespace quantbench {

// For HTML text and double-quoted attributes; control characters made visible.
std::string EscapeHtml(std::string_view text);
// For a cell of a Markdown table or the inside of a line: no pipe, no markup, no template, no line
// break. A bare address stays: readers make it a link to itself.
std::string EscapeMarkdown(std::string_view text);
// The same for a paragraph or an item of its own: it begins no list, quote, heading or code.
std::string EscapeMarkdownLine(std::string_view text);
// One CSV field [RFC 4180]; a field that a spreadsheet would run as a formula gets a leading '.
std::string EscapeCsv(std::string_view text);
// A double-quoted gnuplot string.
std::string EscapeGnuplot(std::string_view text);
// The same for a label in `set xtics`, and for a string in a data file, where " becomes '.
std::string EscapeGnuplotTic(std::string_view text);
std::string EscapeGnuplotData(std::string_view text);

// Columns a terminal needs for UTF-8 text (wide and combining characters of the common ranges
// counted).
std::size_t DisplayWidth(std::string_view text);

}  // namespace quantbench

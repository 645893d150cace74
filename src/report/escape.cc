// Escaping: text from models, data and records made harmless for each kind of output.
#include "report/escape.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::size_t kLongest = 4000;

bool IsNumber(std::string_view text) {
  double value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// Spreadsheets skip blanks before a formula, and take its signs in full width, too.
bool BeginsAsFormula(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  constexpr auto kSigns = std::to_array<std::string_view>(
      {"=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"});
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return text.starts_with(sign); });
}

// Bytes of the UTF-8 sequence that begins with `lead`.
std::size_t LengthOf(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xE0) return 2;
  return lead < 0xF0 ? 3 : 4;
}

std::uint32_t CodePoint(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  std::uint32_t point = sequence.size() > 1 ? lead & (0xFFU >> (sequence.size() + 1)) : lead;
  for (const char c : sequence.substr(1))
    point = (point << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  return point;
}

// Columns of one character: none for combining marks, two for East Asian wide ones and emoji.
std::size_t ColumnsOf(std::uint32_t point) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr auto kWide = std::to_array<Range>({{0x1100, 0x115F},
                                               {0x2E80, 0xA4CF},
                                               {0xAC00, 0xD7A3},
                                               {0xF900, 0xFAFF},
                                               {0xFF00, 0xFF60},
                                               {0x1F300, 0x1FAFF}});
  if (point >= 0x300 && point <= 0x36F) return 0;
  for (const Range& range : kWide) {
    if (point >= range.first && point <= range.last) return 2;
  }
  return 1;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : Printable(text, kLongest)) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string EscapeMarkdown(std::string_view text) {
  std::string escaped;
  for (const char c : Printable(text, kLongest)) {
    if (c == '<') {
      escaped += "&lt;";
      continue;
    }
    if (std::string_view("\\`*_|[]~{}#$&>").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string EscapeMarkdownLine(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));  // four make a code block
  std::string escaped = EscapeMarkdown(text);
  const std::size_t digits = std::min(escaped.find_first_not_of("0123456789"), escaped.size());
  const bool is_list =
      digits < escaped.size() &&
      (digits == 0 ? std::string_view("-+=").find(escaped[0]) != std::string_view::npos
                   : escaped[digits] == '.' || escaped[digits] == ')');
  if (is_list) escaped.insert(digits, 1, '\\');
  return escaped;
}

std::string EscapeCsv(std::string_view text) {
  std::string field = Printable(text, kLongest);
  if (BeginsAsFormula(field) && !IsNumber(field)) field.insert(field.begin(), '\'');
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string EscapeGnuplot(std::string_view text) {
  std::string escaped = "\"";
  for (const char c : Printable(text)) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c == '`' ? '\'' : c;  // back-quotes run commands inside double quotes
  }
  return escaped + "\"";
}

std::string EscapeGnuplotTic(std::string_view text) {
  std::string escaped;
  for (const char c : EscapeGnuplot(text)) {
    escaped += c;
    if (c == '%') escaped += c;  // the position is formatted into labels
  }
  return escaped;
}

std::string EscapeGnuplotData(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '"', '\'');  // nothing else ends a string there
  return EscapeGnuplot(plain);
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = LengthOf(static_cast<unsigned char>(text[i]));
    width += ColumnsOf(CodePoint(text.substr(i, length)));
    i += length;
  }
  return width;
}

}  // namespace quantbench

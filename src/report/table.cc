// Tables in every format.
#include <algorithm>
#include <array>
#include <charconv>

#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/report.h"

#include "report/escape.h"

namespace quantbench {
namespace {

using Row = std::vector<std::string>;

std::string Padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, DisplayWidth(text)), ' ');
  return right ? space + text : text + space;
}

// `text` in lines of at most `width` columns, broken between words; a longer word has its own line.
std::vector<std::string> Wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (!lines.back().empty() && DisplayWidth(lines.back()) + 1 + DisplayWidth(word) > width) {
      lines.emplace_back();
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

// Rows whose prose is too long for a line become several rows, the other cells empty in them.
std::vector<Row> WrapProse(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  constexpr std::size_t kProseWidth = 48;
  std::vector<Row> wrapped;
  for (const Row& row : rows) {
    const std::size_t first = wrapped.size();
    wrapped.push_back(row);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!columns[i].prose) continue;
      const std::vector<std::string> lines = Wrapped(row[i], kProseWidth);
      while (wrapped.size() < first + lines.size()) wrapped.emplace_back(row.size());
      for (std::size_t k = 0; k < lines.size(); ++k) wrapped[first + k][i] = lines[k];
    }
  }
  return wrapped;
}

std::vector<std::size_t> Widths(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  return widths;
}

// The heading row and the rows, every cell passed through `escape`.
template <typename Escape>
std::vector<Row> Cells(const Table& table, Escape escape) {
  std::vector<Row> rows(1);
  for (const Column& column : table.columns) rows[0].push_back(escape(column.title));
  for (const Row& row : table.rows) {
    rows.emplace_back();
    for (const std::string& cell : row) rows.back().push_back(escape(cell));
  }
  return rows;
}

std::string RenderPlain(const Table& table) {
  std::vector<Row> rows =
      Cells(table, [](const std::string& text) { return Printable(text, 400); });
  const Row heading = rows.front();
  rows = WrapProse(table.columns, {rows.begin() + 1, rows.end()});
  rows.insert(rows.begin(), heading);
  const std::vector<std::size_t> widths = Widths(rows);
  std::string text = table.title.empty() ? "" : Printable(table.title, 400) + "\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      line += (i == 0 ? "" : "  ") + Padded(rows[r][i], widths[i], table.columns[i].numeric);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (r > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += (i == 0 ? "" : "  ") + std::string(widths[i], '-');
    }
    text += "\n";
  }
  return text;
}

std::string RenderMarkdownTable(const Table& table) {
  const std::vector<Row> rows = Cells(table, EscapeMarkdown);
  std::string text = table.title.empty() ? "" : "### " + EscapeMarkdown(table.title) + "\n\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (const std::string& cell : rows[r]) text += "| " + cell + " ";
    text += "|\n";
    if (r > 0) continue;
    for (const Column& column : table.columns) text += column.numeric ? "| ---: " : "| --- ";
    text += "|\n";
  }
  return text;
}

std::string RenderCsv(const Table& table) {
  std::string text;
  for (const Row& row : Cells(table, EscapeCsv)) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + row[i];
    text += "\r\n";
  }
  return text;
}

// A numeric cell as a number where it reads as one.
Json CellJson(const Column& column, const std::string& cell) {
  if (column.numeric) {
    double value = 0;
    const char* begin = cell.data() + (cell.starts_with('+') ? 1 : 0);
    const char* end = cell.data() + cell.size();
    const auto parsed = std::from_chars(begin, end, value);
    if (parsed.ec == std::errc() && parsed.ptr == end) return value;
    if (cell.empty() || cell == "-") return nullptr;
  }
  return cell;
}

Json TableJson(const Table& table) {
  Json list = Json::Array{};
  for (const Row& row : table.rows) {
    Json object = Json::MakeObject();
    for (std::size_t i = 0; i < row.size(); ++i) {
      object.Set(table.columns[i].title, CellJson(table.columns[i], row[i]));
    }
    list.Append(std::move(object));
  }
  return list;
}

}  // namespace

std::string CsvField(std::string_view text) {
  return EscapeCsv(text);
}

Result<OutputFormat> ParseOutputFormat(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"table", "md", "csv", "json"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<OutputFormat>(i);
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("\"{}\" is no output format: table, md, csv, json", Printable(name)));
}

std::string Render(const Table& table, OutputFormat format) {
  switch (format) {
    case OutputFormat::kTable: return RenderPlain(table);
    case OutputFormat::kMarkdown: return RenderMarkdownTable(table);
    case OutputFormat::kCsv: return RenderCsv(table);
    case OutputFormat::kJson: return TableJson(table).Show(2) + "\n";
  }
  return "";
}

std::string Render(const std::vector<Table>& tables, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    Json json = Json::MakeObject();
    for (const Table& table : tables) json.Set(table.title, TableJson(table));
    return json.Show(2) + "\n";
  }
  std::string text;
  for (const Table& table : tables) {
    if (!text.empty()) text += "\n";
    text += Render(table, format);
  }
  return text;
}

}  // namespace quantbench

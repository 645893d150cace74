// Kind "text": sentences, or pairs of them, with a class: .tsv, .jsonl, or .txt without classes.
#include <algorithm>
#include <charconv>
#include <limits>

#include "quantbench/base/format.h"

#include "data/kinds.h"
#include "data/text_inputs.h"
#include "data/text_lines.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

struct TextRow {
  std::string text;
  std::optional<std::string> pair;
  std::string label;  // empty: none
};

// Where the fields of a line stand.
struct TextColumns {
  bool json = false;
  bool plain = false;               // .txt: the line is the text
  std::vector<std::string> names;   // of the text, then of the pair
  std::string label;                // empty: none
  std::vector<std::size_t> places;  // of a .tsv
  std::size_t label_place = SIZE_MAX;
  std::int64_t heading = 0;  // lines before the first sample
};

Error Missing(std::string_view column) {
  return {ErrorCode::kMalformed, Format("has no column \"{}\"", Printable(column))};
}

Result<TextRow> ParseJsonLine(std::string_view line, const TextColumns& columns) {
  QB_TRY(const Json json, Json::Parse(line));
  TextRow row;
  for (std::size_t i = 0; i < columns.names.size(); ++i) {
    if (!json[columns.names[i]].is_string()) return Missing(columns.names[i]);
    (i == 0 ? row.text : row.pair.emplace()) = json[columns.names[i]].AsString();
  }
  if (!columns.label.empty()) {
    const Json& label = json[columns.label];
    row.label = label.is_integer() ? Format("{}", label.AsInt()) : label.AsString();
    if (row.label.empty()) return Missing(columns.label);
  }
  return row;
}

Result<TextRow> ParseTabLine(std::string_view line, const TextColumns& columns) {
  const std::vector<std::string_view> fields = SplitTabs(line);
  TextRow row;
  for (std::size_t i = 0; i < columns.places.size(); ++i) {
    if (columns.places[i] >= fields.size()) return Missing(columns.names[i]);
    (i == 0 ? row.text : row.pair.emplace()) = fields[columns.places[i]];
  }
  if (columns.label_place != SIZE_MAX) {
    if (columns.label_place >= fields.size()) return Missing(columns.label);
    row.label = fields[columns.label_place];
  }
  return row;
}

bool IsNumberText(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return c >= '0' && c <= '9'; });
}

// The first of the usual names that a heading has; empty: none.
std::string UsualColumn(const std::vector<std::string_view>& heading) {
  for (const char* usual : {"sentence", "text"}) {
    if (std::find(heading.begin(), heading.end(), usual) != heading.end()) return usual;
  }
  return "";
}

// Finds the columns of a .tsv in its heading, or takes numbers as they are.
Status PlaceColumns(const TextLines& lines, const TextOptions& options, TextColumns* columns) {
  QB_TRY(const std::string_view first, lines.Line(0));
  const std::vector<std::string_view> heading = SplitTabs(first);
  const bool numbered = !columns->names.empty() && IsNumberText(columns->names.front());
  columns->heading = numbered ? 0 : 1;
  const auto place = [&](const std::string& name) -> Result<std::size_t> {
    if (numbered && IsNumberText(name) && name.size() < 4) {
      return static_cast<std::size_t>(std::stoi(name));
    }
    const auto found = std::find(heading.begin(), heading.end(), name);
    if (numbered || found == heading.end()) return Missing(name).Within("the heading");
    return static_cast<std::size_t>(found - heading.begin());
  };
  if (columns->names.empty()) {
    const std::string usual = UsualColumn(heading);
    if (usual.empty()) return Missing("sentence").Within("the heading");
    columns->names = {usual};
  }
  for (const std::string& name : columns->names) {
    QB_TRY(const std::size_t at, place(name));
    columns->places.push_back(at);
  }
  const bool usual =
      !numbered && std::find(heading.begin(), heading.end(), "label") != heading.end();
  columns->label = options.label.empty() && usual ? "label" : options.label;
  if (!columns->label.empty()) {
    QB_TRY(columns->label_place, place(columns->label));
  }
  return Ok();
}

Result<TextColumns> FindColumns(const fs::path& path, const TextLines& lines,
                                const TextOptions& options) {
  TextColumns columns;
  columns.names = options.columns;
  columns.label = options.label;
  columns.json = path.extension() == ".jsonl" || path.extension() == ".json";
  columns.plain = path.extension() == ".txt";
  if (columns.names.size() > 2) {
    return Error(ErrorCode::kInvalidArgument, "a text has one column or two");
  }
  if (columns.json) {
    QB_TRY(const std::string_view first, lines.Line(0));
    QB_TRY(const Json json, Json::Parse(first));
    for (const char* usual : {"sentence", "text"}) {
      if (columns.names.empty() && json.Has(usual)) columns.names = {usual};
    }
    if (columns.names.empty()) return Missing("sentence").Within("the first line");
    if (columns.label.empty() && json.Has("label")) columns.label = "label";
  } else if (!columns.plain) {
    QB_OK(PlaceColumns(lines, options, &columns));
  }
  return columns;
}

class TextDataset final : public Dataset {
 public:
  TextDataset(fs::path path, TextLines lines, TextColumns columns, TextInputs inputs)
      : path_(std::move(path)),
        lines_(std::move(lines)),
        columns_(std::move(columns)),
        inputs_(std::move(inputs)) {}

  [[nodiscard]] std::int64_t size() const override { return lines_.size() - columns_.heading; }
  [[nodiscard]] bool has_labels() const override { return !columns_.label.empty(); }
  [[nodiscard]] std::optional<double> Padding(std::size_t input) const override {
    return inputs_.Padding(input);
  }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return GetInSteps(index, [] {});
  }
  [[nodiscard]] Result<Sample> GetInSteps(std::int64_t index,
                                          const std::function<void()>& loaded) const override {
    const std::int64_t at = index + columns_.heading;
    auto sample = Read(at, loaded);
    if (!sample.ok()) {
      return sample.error().Within(Format("{}:{}", path_.string(), lines_.Number(at)));
    }
    sample.value().name = Format("{}:{}", path_.filename().string(), lines_.Number(at));
    return sample;
  }

 private:
  [[nodiscard]] Result<TextRow> Parse(std::string_view line) const {
    if (columns_.plain) return TextRow{std::string(line), std::nullopt, ""};
    return columns_.json ? ParseJsonLine(line, columns_) : ParseTabLine(line, columns_);
  }

  [[nodiscard]] Result<Sample> Read(std::int64_t at, const std::function<void()>& loaded) const {
    QB_TRY(const std::string_view line, lines_.Line(at));
    QB_TRY(const TextRow row, Parse(line));
    loaded();
    Sample sample;
    QB_TRY(sample.inputs, inputs_.Fill(row.text, row.pair ? &*row.pair : nullptr));
    if (has_labels()) {
      const char* end = row.label.data() + row.label.size();
      const auto parsed = std::from_chars(row.label.data(), end, sample.label);
      if (parsed.ec != std::errc() || parsed.ptr != end || sample.label < 0) {
        return Error(ErrorCode::kMalformed,
                     Format("label \"{}\" is not a class number", Printable(row.label)));
      }
    }
    return sample;
  }

  fs::path path_;
  TextLines lines_;
  TextColumns columns_;
  TextInputs inputs_;
};

}  // namespace

Result<std::unique_ptr<Dataset>> OpenText(const DataSpec& spec,
                                          const std::vector<InputSpec>& inputs) {
  QB_TRY(TextInputs filled, TextInputs::Make(spec, inputs));
  QB_TRY(TextLines lines, TextLines::Open(spec.path));
  if (lines.size() == 0) {
    return Error(ErrorCode::kMalformed, Format("{}: no lines", spec.path.string()));
  }
  auto columns = FindColumns(spec.path, lines, spec.text);
  if (!columns.ok()) return columns.error().Within(spec.path.string());
  auto dataset = std::make_unique<TextDataset>(spec.path, std::move(lines),
                                               std::move(columns).value(), std::move(filled));
  if (dataset->size() < 1) {
    return Error(ErrorCode::kMalformed, Format("{}: a heading and no lines", spec.path.string()));
  }
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace quantbench

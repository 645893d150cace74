// Image folders: files listed with labels in a CSV, or one folder a class.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <system_error>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/arrays.h"
#include "data/preprocess.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string file;  // relative to the folder
  std::int64_t label = -1;
};

class ImageFolder final : public Dataset {
 public:
  ImageFolder(DataSpec spec, InputSpec input, std::vector<Entry> entries)
      : spec_(std::move(spec)), input_(std::move(input)), entries_(std::move(entries)) {}

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(entries_.size());
  }
  [[nodiscard]] bool has_labels() const override { return entries_.front().label >= 0; }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    const Entry& entry = entries_[static_cast<std::size_t>(index)];
    const fs::path path = spec_.path / entry.file;
    QB_TRY(const auto file, MappedFile::Open(path));
    const bool gray = spec_.preprocess.channels == "gray";
    QB_TRY(Image image, DecodeImage(file->text(), path.string(), gray ? 1 : 3));
    image = ResizeAndCrop(std::move(image), spec_.preprocess);
    Preprocess preprocess = spec_.preprocess;
    preprocess.stored = "nhwc";
    auto tensor =
        ToInput(PixelsOf(image, preprocess.channels == "bgr"), preprocess, 1.0 / 255.0, input_);
    if (!tensor.ok()) return tensor.error().Within(path.string());
    Sample sample;
    sample.name = entry.file;
    sample.inputs.push_back(std::move(tensor).value());
    sample.label = entry.label;
    return sample;
  }

 private:
  DataSpec spec_;
  InputSpec input_;
  std::vector<Entry> entries_;
};

// A name that stays beneath the folder.
bool StaysInside(const std::string& file) {
  const fs::path path(file);
  if (file.empty() || path.is_absolute() || file.find('\0') != std::string::npos) return false;
  return std::find(path.begin(), path.end(), "..") == path.end();
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// One line "file,label"; the label is what follows the last comma.
Result<Entry> ParseLine(std::string_view line) {
  const std::size_t comma = line.rfind(',');
  if (comma == std::string_view::npos) return Error(ErrorCode::kMalformed, "is not file,label");
  Entry entry;
  entry.file = Trim(line.substr(0, comma));
  const std::string_view label = Trim(line.substr(comma + 1));
  const auto parsed = std::from_chars(label.data(), label.data() + label.size(), entry.label);
  if (parsed.ec != std::errc() || parsed.ptr != label.data() + label.size() || entry.label < 0) {
    return Error(ErrorCode::kMalformed,
                 Format("label \"{}\" is not a class number", Printable(label)));
  }
  if (!StaysInside(entry.file)) {
    return Error(ErrorCode::kMalformed,
                 Format("\"{}\" lies outside the folder", Printable(entry.file)));
  }
  return entry;
}

Result<std::vector<Entry>> ReadCsv(const fs::path& folder, const fs::path& csv) {
  QB_TRY(const std::string text, ReadFile(csv));
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  std::vector<Entry> entries;
  std::set<std::string> seen;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = Trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    auto entry = ParseLine(line);
    if (!entry.ok() && number == 1) continue;  // the heading
    if (!entry.ok()) return entry.error().Within(Format("{}:{}", csv.string(), number));
    const std::string& file = entry.value().file;
    std::error_code ignored;
    if (!fs::exists(folder / file, ignored)) {
      return Error(ErrorCode::kMalformed,
                   Format("{}:{}: \"{}\" does not exist", csv.string(), number, Printable(file)));
    }
    if (!seen.insert(file).second) {
      return Error(ErrorCode::kMalformed,
                   Format("{}:{}: \"{}\" is listed twice", csv.string(), number, Printable(file)));
    }
    entries.push_back(std::move(entry).value());
  }
  return entries;
}

bool IsImageName(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// Files of one folder, sorted, with a label.
Status List(const fs::path& folder, const std::string& prefix, std::int64_t label,
            std::vector<Entry>* entries) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    if (file.is_regular_file(error) && IsImageName(file.path())) {
      names.push_back(prefix + file.path().filename().string());
    }
  }
  if (error) {
    return Error(ErrorCode::kNotFound, Format("{}: {}", folder.string(), error.message()));
  }
  std::sort(names.begin(), names.end());
  for (std::string& name : names) entries->push_back({std::move(name), label});
  return Ok();
}

// Without a CSV: class folders in alphabetical order are labels 0, 1, ...; a flat folder has none.
Result<std::vector<Entry>> ListFolder(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> classes;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) classes.push_back(entry.path().filename().string());
  }
  std::sort(classes.begin(), classes.end());
  std::vector<Entry> entries;
  if (classes.empty()) {
    QB_OK(List(folder, "", -1, &entries));
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    QB_OK(List(folder / classes[i], classes[i] + "/", static_cast<std::int64_t>(i), &entries));
  }
  return entries;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenImageFolder(const DataSpec& spec,
                                                 const std::vector<InputSpec>& inputs) {
  if (inputs.size() != 1) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("an image folder fills one input, the model has {}", inputs.size()));
  }
  std::error_code error;
  if (!fs::is_directory(spec.path, error)) {
    return Error(ErrorCode::kNotFound, Format("{}: no such folder", spec.path.string()));
  }
  std::vector<Entry> entries;
  if (spec.labels.empty()) {
    QB_TRY(entries, ListFolder(spec.path));
  } else {
    QB_TRY(entries, ReadCsv(spec.path, spec.labels));
  }
  if (entries.empty()) {
    return Error(ErrorCode::kMalformed, Format("{}: no JPEG or PNG images", spec.path.string()));
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<ImageFolder>(spec, inputs.front(), std::move(entries)));
}

}  // namespace quantbench

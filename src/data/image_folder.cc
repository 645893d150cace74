// Image folders: files listed with labels in a CSV, or one folder a class.
#include <algorithm>
#include <cctype>
#include <system_error>

#include "quantbench/base/format.h"

#include "data/arrays.h"
#include "data/file_labels.h"
#include "data/preprocess.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

class ImageFolder final : public Dataset {
 public:
  ImageFolder(DataSpec spec, InputSpec input, std::vector<FileLabel> entries)
      : spec_(std::move(spec)), input_(std::move(input)), entries_(std::move(entries)) {}

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(entries_.size());
  }
  [[nodiscard]] bool has_labels() const override { return entries_.front().label >= 0; }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return GetInSteps(index, [] {});
  }
  [[nodiscard]] Result<Sample> GetInSteps(std::int64_t index,
                                          const std::function<void()>& loaded) const override {
    const FileLabel& entry = entries_[static_cast<std::size_t>(index)];
    const fs::path path = spec_.path / entry.file;
    QB_TRY(Image image, LoadImage(path, spec_.preprocess));
    loaded();
    auto tensor = ImageToInput(std::move(image), path.string(), spec_.preprocess, input_);
    if (!tensor.ok()) return tensor.error();
    Sample sample;
    sample.name = entry.file;
    sample.inputs.push_back(std::move(tensor).value());
    sample.label = entry.label;
    return sample;
  }

 private:
  DataSpec spec_;
  InputSpec input_;
  std::vector<FileLabel> entries_;
};

bool IsImageName(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// Files of one folder, sorted, with a label.
Status List(const fs::path& folder, const std::string& prefix, std::int64_t label,
            std::vector<FileLabel>* entries) {
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
  for (std::string& name : names) entries->push_back({std::move(name), label, ""});
  return Ok();
}

// Without a CSV: class folders in alphabetical order are labels 0, 1, ...; a flat folder has none.
Result<std::vector<FileLabel>> ListFolder(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> classes;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) classes.push_back(entry.path().filename().string());
  }
  std::sort(classes.begin(), classes.end());
  std::vector<FileLabel> entries;
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
  std::vector<FileLabel> entries;
  if (spec.labels.empty()) {
    QB_TRY(entries, ListFolder(spec.path));
  } else {
    QB_TRY(entries, ReadFileLabels(spec.path, spec.labels, false));
  }
  if (entries.empty()) {
    return Error(ErrorCode::kMalformed, Format("{}: no JPEG or PNG images", spec.path.string()));
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<ImageFolder>(spec, inputs.front(), std::move(entries)));
}

}  // namespace quantbench

// Kinds "cifar10" and "cifar100": records of label bytes and 32 x 32 pixels, channel after channel.
#include <algorithm>
#include <system_error>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/kinds.h"
#include "data/preprocess.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPixelBytes = std::size_t{3} * 32 * 32;

class CifarDataset final : public Dataset {
 public:
  CifarDataset(DataSpec spec, InputSpec input)
      : spec_(std::move(spec)),
        input_(std::move(input)),
        label_bytes_(spec_.kind == "cifar10" ? 1 : 2) {}

  Status Add(const fs::path& path) {
    QB_TRY(const auto file, MappedFile::Open(path));
    const std::size_t record = label_bytes_ + kPixelBytes;
    const std::size_t bytes = file->bytes().size();
    if (bytes == 0 || bytes % record != 0) {
      return Error(ErrorCode::kMalformed,
                   Format("{}: {} bytes are not records of {}", path.string(), bytes, record));
    }
    files_.push_back({path, file});
    counts_.push_back(static_cast<std::int64_t>(bytes / record));
    return Ok();
  }

  [[nodiscard]] std::int64_t size() const override {
    std::int64_t size = 0;
    for (const std::int64_t count : counts_) size += count;
    return size;
  }
  [[nodiscard]] bool has_labels() const override { return true; }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    std::size_t file = 0;
    while (index >= counts_[file]) index -= counts_[file++];
    const auto record = files_[file].second->bytes().subspan(
        static_cast<std::size_t>(index) * (label_bytes_ + kPixelBytes), label_bytes_ + kPixelBytes);
    Sample sample;
    sample.name = Format("{} #{}", files_[file].first.filename().string(), index);
    sample.label = std::to_integer<std::int64_t>(record[label_bytes_ - 1]);
    const std::int64_t classes = label_bytes_ == 1 ? 10 : 100;
    if (sample.label >= classes) {
      return Error(ErrorCode::kMalformed,
                   Format("{}: label {} is not below {}", sample.name, sample.label, classes));
    }
    const auto pixels = record.subspan(label_bytes_);
    const Tensor image{DataType::kUint8, {3, 32, 32}, {pixels.begin(), pixels.end()}};
    auto tensor = ToInput(image, spec_.preprocess, 1.0 / 255.0, input_);
    if (!tensor.ok()) return tensor.error().Within(sample.name);
    sample.inputs.push_back(std::move(tensor).value());
    return sample;
  }

 private:
  DataSpec spec_;
  InputSpec input_;
  std::size_t label_bytes_;
  std::vector<std::pair<fs::path, std::shared_ptr<const MappedFile>>> files_;
  std::vector<std::int64_t> counts_;
};

}  // namespace

Result<std::unique_ptr<Dataset>> OpenCifar(const DataSpec& spec,
                                           const std::vector<InputSpec>& inputs) {
  if (inputs.size() != 1) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("CIFAR images fill one input, the model has {}", inputs.size()));
  }
  std::vector<fs::path> paths = {spec.path};
  std::error_code error;
  if (fs::is_directory(spec.path, error)) {
    paths.clear();
    for (const auto& entry : fs::directory_iterator(spec.path, error)) {
      if (entry.path().extension() == ".bin") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
  }
  if (paths.empty()) {
    return Error(ErrorCode::kMalformed, Format("{}: no .bin files", spec.path.string()));
  }
  auto dataset = std::make_unique<CifarDataset>(spec, inputs.front());
  for (const fs::path& path : paths) QB_OK(dataset->Add(path));
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace quantbench

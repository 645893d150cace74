// Opening a data set by its kind; subsets; batches.
#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/data.h"

#include "data/arrays.h"
#include "data/kinds.h"

namespace quantbench {
namespace {

struct KindEntry {
  std::string_view kind;
  Result<std::unique_ptr<Dataset>> (*open)(const DataSpec&, const std::vector<InputSpec>&);
};

Result<std::unique_ptr<Dataset>> OpenSynthetic(const DataSpec& spec,
                                               const std::vector<InputSpec>& inputs) {
  SyntheticSpec synthetic;
  synthetic.seed = spec.seed;
  if (spec.limit > 0) synthetic.samples = spec.limit;
  for (const auto& [input, rule] : spec.inputs) {
    if (rule.constant) synthetic.constants[input] = *rule.constant;
  }
  std::vector<std::string> notes;
  return MakeSynthetic(synthetic, inputs, &notes);
}

// The kinds of data set. A table, not a registry: add a line to add one.
constexpr auto kKinds = std::to_array<KindEntry>({
    {"image-folder", OpenImageFolder},
    {"npy", OpenArrays},
    {"npz", OpenArrays},
    {"idx", OpenArrays},
    {"cifar10", OpenCifar},
    {"cifar100", OpenCifar},
    {"text", OpenText},
    {"tokens", OpenTokens},
    {"audio", OpenAudio},
    {"coco", OpenCoco},
    {"synthetic", OpenSynthetic},
});

// The samples of another data set in another order, or only some of them.
class Subset final : public Dataset {
 public:
  Subset(std::unique_ptr<Dataset> all, std::vector<std::int64_t> order)
      : all_(std::move(all)), order_(std::move(order)) {}

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(order_.size());
  }
  [[nodiscard]] bool has_labels() const override { return all_->has_labels(); }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return all_->Get(order_[static_cast<std::size_t>(index)]);
  }
  [[nodiscard]] Result<Sample> GetInSteps(std::int64_t index,
                                          const std::function<void()>& loaded) const override {
    return all_->GetInSteps(order_[static_cast<std::size_t>(index)], loaded);
  }
  [[nodiscard]] std::optional<double> Padding(std::size_t input) const override {
    return all_->Padding(input);
  }

 private:
  std::unique_ptr<Dataset> all_;
  std::vector<std::int64_t> order_;
};

std::unique_ptr<Dataset> Select(std::unique_ptr<Dataset> all, const DataSpec& spec) {
  if (!spec.shuffle && (spec.limit <= 0 || spec.limit >= all->size())) return all;
  std::vector<std::int64_t> order(static_cast<std::size_t>(all->size()));
  std::iota(order.begin(), order.end(), 0);
  if (spec.shuffle) {
    Random random(spec.seed);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  }
  if (spec.limit > 0 && static_cast<std::size_t>(spec.limit) < order.size()) {
    order.resize(static_cast<std::size_t>(spec.limit));
  }
  return std::make_unique<Subset>(std::move(all), std::move(order));
}

// `tensor` as the first `tensor.shape[0]` rows of one with `rows` rows, the others `fill`.
Result<Tensor> PadRows(const Tensor& tensor, std::int64_t rows, double fill) {
  Shape more = tensor.shape;
  more.front() = rows - tensor.shape.front();
  QB_TRY(const std::int64_t count, ElementCount(more));
  QB_TRY(
      const Tensor padding,
      FromDoubles(tensor.type, more, std::vector<double>(static_cast<std::size_t>(count), fill)));
  Tensor padded = tensor;
  padded.shape.front() = rows;
  padded.bytes.insert(padded.bytes.end(), padding.bytes.begin(), padding.bytes.end());
  return padded;
}

// Stacks the tensors of one input along a new first axis; shorter ones are padded with `fill`.
Result<Tensor> Stack(const std::vector<Sample>& samples, std::size_t input, std::string_view name,
                     std::optional<double> fill) {
  Shape shape = samples.front().inputs[input].shape;
  for (const Sample& sample : samples) {
    const Shape& other = sample.inputs[input].shape;
    const bool ragged = fill && !shape.empty() && other.size() == shape.size() &&
                        std::equal(other.begin() + 1, other.end(), shape.begin() + 1);
    if (ragged) shape.front() = std::max(shape.front(), other.front());
    if (!ragged && other != shape) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("samples {} and {} have different shapes for input \"{}\": {} and {}",
                          Printable(samples.front().name), Printable(sample.name), Printable(name),
                          ToString(shape), ToString(other)));
    }
  }
  Tensor batch{samples.front().inputs[input].type, shape, {}};
  batch.shape.insert(batch.shape.begin(), static_cast<std::int64_t>(samples.size()));
  for (const Sample& sample : samples) {
    const Tensor& tensor = sample.inputs[input];
    if (tensor.shape == shape) {
      batch.bytes.insert(batch.bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
      continue;
    }
    QB_TRY(const Tensor padded, PadRows(tensor, shape.front(), *fill));
    batch.bytes.insert(batch.bytes.end(), padded.bytes.begin(), padded.bytes.end());
  }
  return batch;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenDataset(const DataSpec& spec,
                                             const std::vector<InputSpec>& inputs) {
  for (const KindEntry& entry : kKinds) {
    if (entry.kind != spec.kind) continue;
    auto opened = entry.open(spec, inputs);
    if (!opened.ok()) return opened.error().Within(Format("data {}", Printable(spec.id)));
    return Select(std::move(opened).value(), spec);
  }
  std::string message =
      Format("data {}: unknown kind \"{}\"", Printable(spec.id), Printable(spec.kind));
  if (const auto nearest = Nearest(spec.kind, DataKinds()); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
}

std::vector<std::string_view> DataKinds() {
  std::vector<std::string_view> names;
  names.reserve(kKinds.size());
  for (const KindEntry& entry : kKinds) names.push_back(entry.kind);
  return names;
}

Result<std::vector<Tensor>> StackSamples(const Dataset& dataset, const std::vector<Sample>& samples,
                                         const std::vector<InputSpec>& inputs) {
  QB_CHECK(!samples.empty(), "a batch has samples");
  std::vector<Tensor> batch;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].batched) {
      batch.push_back(samples.front().inputs[i]);
      continue;
    }
    QB_TRY(Tensor stacked, Stack(samples, i, inputs[i].name, dataset.Padding(i)));
    batch.push_back(std::move(stacked));
  }
  return batch;
}

Result<std::vector<Tensor>> MakeBatch(const Dataset& dataset,
                                      const std::vector<std::int64_t>& indices,
                                      const std::vector<InputSpec>& inputs) {
  std::vector<Sample> samples;
  samples.reserve(indices.size());
  for (const std::int64_t index : indices) {
    QB_TRY(Sample sample, dataset.Get(index));
    QB_CHECK(sample.inputs.size() == inputs.size(), "a sample fills every input");
    samples.push_back(std::move(sample));
  }
  return StackSamples(dataset, samples, inputs);
}

}  // namespace quantbench

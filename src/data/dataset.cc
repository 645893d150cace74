// Opening a data set by its kind; subsets; batches.
#include <array>
#include <cstring>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/data.h"

#include "data/arrays.h"

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

// Stacks the tensors of one input along a new first axis.
Result<Tensor> Stack(const std::vector<Sample>& samples, std::size_t input, std::string_view name) {
  const Tensor& first = samples.front().inputs[input];
  Tensor batch{first.type, first.shape, {}};
  batch.shape.insert(batch.shape.begin(), static_cast<std::int64_t>(samples.size()));
  batch.bytes.reserve(first.bytes.size() * samples.size());
  for (const Sample& sample : samples) {
    const Tensor& tensor = sample.inputs[input];
    if (tensor.shape != first.shape) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("samples {} and {} have different shapes for input \"{}\": {} and {}",
                          Printable(samples.front().name), Printable(sample.name), Printable(name),
                          ToString(first.shape), ToString(tensor.shape)));
    }
    batch.bytes.insert(batch.bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
  }
  return batch;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenDataset(const DataSpec& spec,
                                             const std::vector<InputSpec>& inputs) {
  std::vector<std::string_view> names;
  for (const KindEntry& entry : kKinds) {
    names.push_back(entry.kind);
    if (entry.kind != spec.kind) continue;
    auto opened = entry.open(spec, inputs);
    if (!opened.ok()) return opened.error().Within(Format("data {}", Printable(spec.id)));
    return Select(std::move(opened).value(), spec);
  }
  std::string message =
      Format("data {}: unknown kind \"{}\"", Printable(spec.id), Printable(spec.kind));
  if (const auto nearest = Nearest(spec.kind, names); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
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
  QB_CHECK(!samples.empty(), "a batch has samples");
  std::vector<Tensor> batch;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].batched) {
      batch.push_back(samples.front().inputs[i]);
      continue;
    }
    QB_TRY(Tensor stacked, Stack(samples, i, inputs[i].name));
    batch.push_back(std::move(stacked));
  }
  return batch;
}

}  // namespace quantbench

// Samples of an array, along its first axis: .npy, .npz, IDX.
#include "data/arrays.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/idx.h"
#include "data/inflate.h"
#include "data/npy.h"
#include "data/preprocess.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// An array of samples: a view of a mapped file where the bytes can be taken as they are (a plain
// row-major little-endian .npy), else in memory.
class SampleArray {
 public:
  // `name` is a file beside the data set, or a member of the .npz.
  static Result<SampleArray> Read(const DataSpec& spec, const std::string& name) {
    SampleArray array;
    if (spec.kind == "idx") {
      QB_TRY(array.tensor_, ReadIdx(name.empty() ? spec.path.string() : name));
    } else if (spec.kind == "npz") {
      QB_TRY(array.tensor_, ReadNpz(spec.path, name.empty() ? "arr_0" : name));
    } else {
      return ReadFile(name.empty() ? spec.path : spec.path.parent_path() / name);
    }
    return array;
  }

  [[nodiscard]] const Shape& shape() const { return tensor_.shape; }

  // Row `index`, the first axis dropped.
  [[nodiscard]] Tensor Row(std::int64_t index) const {
    Tensor row{tensor_.type, Shape(shape().begin() + 1, shape().end()), {}};
    const auto all = file_ == nullptr ? std::span<const std::byte>(tensor_.bytes)
                                      : std::as_bytes(std::span(payload_.data(), payload_.size()));
    const std::size_t bytes = all.size() / static_cast<std::size_t>(shape().front());
    const std::size_t begin = bytes * static_cast<std::size_t>(index);
    const auto part = all.subspan(begin, bytes);
    row.bytes.assign(part.begin(), part.end());
    // What was read in order is given back, so that a long file takes no more memory than a short.
    const std::size_t stretch = begin / kReleased * kReleased;
    if (file_ != nullptr && begin + bytes >= stretch + kReleased) {
      file_->Release(all.subspan(stretch, begin + bytes - stretch));
    }
    return row;
  }

 private:
  static Result<SampleArray> ReadFile(const fs::path& path) {
    SampleArray array;
    QB_TRY(array.file_, MappedFile::Open(path));
    if (IsGzip(array.file_->text())) {
      array.file_ = nullptr;
      QB_TRY(array.tensor_, ReadNpy(path));
      return array;
    }
    const auto view = ViewNpy(array.file_->text());
    if (!view.ok()) return view.error().Within(path.string());
    if (view.value().fortran || view.value().swapped) {
      array.tensor_ = ReadView(view.value());
      array.file_ = nullptr;
    } else {
      array.tensor_ = {view.value().type, view.value().shape, {}};
      array.payload_ = view.value().payload;
    }
    return array;
  }

  static constexpr std::size_t kReleased = 1U << 20U;  // bytes together

  Tensor tensor_;  // without bytes when they are in the file
  std::shared_ptr<const MappedFile> file_;
  std::string_view payload_;
};

// How one input gets its values.
struct Source {
  InputSpec input;
  InputRule rule;
  std::size_t array = 0;  // index into the arrays, where the rule names one
  std::size_t of = 0;     // index of the input that nonzero_of names
};

class ArrayDataset final : public Dataset {
 public:
  ArrayDataset(DataSpec spec, std::vector<Source> sources, std::vector<SampleArray> arrays,
               std::vector<std::int64_t> labels)
      : spec_(std::move(spec)),
        sources_(std::move(sources)),
        arrays_(std::move(arrays)),
        labels_(std::move(labels)) {}

  [[nodiscard]] std::int64_t size() const override { return arrays_.front().shape().front(); }
  [[nodiscard]] bool has_labels() const override { return !labels_.empty(); }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    Sample sample;
    sample.name = Format("#{}", index);
    sample.inputs.resize(sources_.size());
    // Masks are derived from other inputs, so those come first.
    for (const bool derived : {false, true}) {
      for (std::size_t i = 0; i < sources_.size(); ++i) {
        if (sources_[i].rule.nonzero_of.empty() == derived) continue;
        auto tensor = Fill(sources_[i], index, sample);
        if (!tensor.ok()) {
          return tensor.error().Within(Format("{} sample {}", spec_.path.string(), sample.name));
        }
        sample.inputs[i] = std::move(tensor).value();
      }
    }
    if (!labels_.empty()) sample.label = labels_[static_cast<std::size_t>(index)];
    return sample;
  }

 private:
  [[nodiscard]] Result<Tensor> Fill(const Source& source, std::int64_t index,
                                    const Sample& sample) const {
    if (source.rule.constant) return Constant(source);
    if (!source.rule.nonzero_of.empty()) {
      const Tensor& other = sample.inputs[source.of];
      QB_TRY(std::vector<double> values, ToDoubles(other));
      for (double& value : values) value = value != 0 ? 1 : 0;
      return FromDoubles(source.input.type, other.shape, values);
    }
    return ToInput(arrays_[source.array].Row(index), spec_.preprocess, 1, source.input);
  }

  static Result<Tensor> Constant(const Source& source) {
    Shape shape(source.input.dims.begin() + (source.input.batched ? 1 : 0),
                source.input.dims.end());
    for (std::int64_t& dim : shape) dim = std::max<std::int64_t>(dim, 1);
    QB_TRY(const std::int64_t count, ElementCount(shape));
    return FromDoubles(source.input.type, shape,
                       std::vector<double>(static_cast<std::size_t>(count), *source.rule.constant));
  }

  DataSpec spec_;
  std::vector<Source> sources_;
  std::vector<SampleArray> arrays_;
  std::vector<std::int64_t> labels_;
};

Error InputError(const InputSpec& input, std::string_view why) {
  return {ErrorCode::kInvalidArgument, Format("input \"{}\" {}", Printable(input.name), why)};
}

// Which rule each input follows; names that the model does not have are errors.
Result<std::vector<Source>> PlanSources(const DataSpec& spec,
                                        const std::vector<InputSpec>& inputs) {
  std::set<std::string> known;
  std::vector<Source> sources;
  for (const InputSpec& input : inputs) {
    known.insert(input.name);
    Source source;
    source.input = input;
    const auto rule = spec.inputs.find(input.name);
    if (rule != spec.inputs.end()) {
      source.rule = rule->second;
    } else if (inputs.size() > 1) {
      return InputError(input, "has no rule in the data set's `inputs`");
    }
    sources.push_back(std::move(source));
  }
  for (const auto& [name, rule] : spec.inputs) {
    if (!known.contains(name)) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the model has no input \"{}\", which the data set's `inputs` names",
                          Printable(name)));
    }
  }
  return sources;
}

Status ReadArrays(const DataSpec& spec, std::vector<Source>* sources,
                  std::vector<SampleArray>* arrays) {
  for (Source& source : *sources) {
    if (source.rule.constant) continue;
    if (!source.rule.nonzero_of.empty()) {
      const auto other = std::find_if(sources->begin(), sources->end(), [&](const Source& s) {
        return s.input.name == source.rule.nonzero_of && s.rule.nonzero_of.empty();
      });
      if (other == sources->end()) {
        return InputError(source.input, Format("is nonzero_of \"{}\", which is no other input",
                                               Printable(source.rule.nonzero_of)));
      }
      source.of = static_cast<std::size_t>(other - sources->begin());
      continue;
    }
    source.array = arrays->size();
    QB_TRY(SampleArray array, SampleArray::Read(spec, source.rule.array));
    if (array.shape().empty() || array.shape().front() < 1) {
      return Error(ErrorCode::kMalformed, Format("{}: an array of shape {} holds no samples",
                                                 spec.path.string(), ToString(array.shape())));
    }
    if (!arrays->empty() && arrays->front().shape().front() != array.shape().front()) {
      return InputError(source.input,
                        Format("has {} samples, another has {}", array.shape().front(),
                               arrays->front().shape().front()));
    }
    arrays->push_back(std::move(array));
  }
  if (arrays->empty()) {
    return Error(ErrorCode::kInvalidArgument, "no input takes an array of the data set");
  }
  return Ok();
}

}  // namespace

Result<std::vector<std::int64_t>> ReadLabels(const fs::path& path, std::int64_t samples) {
  const std::string text = path.string();
  const std::string extension = path.extension().string();
  const bool idx = text.find("idx1") != std::string::npos || extension == ".idx";
  QB_TRY(const Tensor tensor, idx                   ? ReadIdx(text)
                              : extension == ".npz" ? ReadNpz(path, "labels")
                                                    : ReadNpy(path));
  if (!IsInteger(tensor.type) || tensor.elements() != samples) {
    return Error(ErrorCode::kMalformed, Format("{}: {} labels of {} for {} samples", text,
                                               tensor.elements(), Name(tensor.type), samples));
  }
  QB_TRY(const std::vector<double> values, ToDoubles(tensor));
  std::vector<std::int64_t> labels;
  for (const double value : values) {
    if (value < 0) {
      return Error(ErrorCode::kMalformed,
                   Format("{}: label {} of sample #{} is negative", text, value, labels.size()));
    }
    labels.push_back(static_cast<std::int64_t>(value));
  }
  return labels;
}

Result<std::unique_ptr<Dataset>> OpenArrays(const DataSpec& spec,
                                            const std::vector<InputSpec>& inputs) {
  QB_TRY(std::vector<Source> sources, PlanSources(spec, inputs));
  std::vector<SampleArray> arrays;
  QB_OK(ReadArrays(spec, &sources, &arrays));
  std::vector<std::int64_t> labels;
  if (!spec.labels.empty()) {
    QB_TRY(labels, ReadLabels(spec.labels, arrays.front().shape().front()));
  }
  std::unique_ptr<Dataset> dataset = std::make_unique<ArrayDataset>(
      spec, std::move(sources), std::move(arrays), std::move(labels));
  // The first sample tells at once when nothing will fit.
  QB_TRY(const Sample first, dataset->Get(0));
  return dataset;
}

}  // namespace quantbench

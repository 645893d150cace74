// Statistics of layer inputs: rows are collected in blocks, blocks become sums.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/calibrate.h"

#include "calibrate/gram.h"
#include "calibrate/patches.h"
#include "calibrate/watched_model.h"

namespace quantbench {
namespace {

// Sums over one group's rows: a block of rows fills up and is then added.
class GroupSums {
 public:
  GroupSums(std::int64_t depth, bool gram, int threads)
      : depth_(depth),
        threads_(threads),
        block_(static_cast<std::size_t>(depth * GramMatrix::kRows)),
        sum_(static_cast<std::size_t>(depth), 0.0),
        abs_sum_(sum_),
        min_(static_cast<std::size_t>(depth), std::numeric_limits<double>::infinity()),
        max_(static_cast<std::size_t>(depth), -std::numeric_limits<double>::infinity()) {
    if (gram) gram_ = std::make_unique<GramMatrix>(depth);
  }

  // Where the next row goes; NextRow takes it over.
  [[nodiscard]] float* row() { return block_.data() + filled_ * depth_; }
  void NextRow() {
    if (++filled_ == GramMatrix::kRows) Flush();
  }

  void AppendTo(InputStatistics* statistics, std::int64_t rows) {
    Flush();
    const double count = static_cast<double>(std::max<std::int64_t>(1, rows));
    for (std::size_t j = 0; j < sum_.size(); ++j) {
      statistics->mean.push_back(sum_[j] / count);
      statistics->abs_mean.push_back(abs_sum_[j] / count);
      statistics->min.push_back(min_[j]);
      statistics->max.push_back(max_[j]);
      statistics->abs_max.push_back(std::max(std::abs(min_[j]), std::abs(max_[j])));
    }
    if (gram_ == nullptr) return;
    const std::vector<double> matrix = gram_->Take();
    gram_.reset();
    statistics->gram.insert(statistics->gram.end(), matrix.begin(), matrix.end());
  }

 private:
  void Flush() {
    if (filled_ == 0) return;
    for (std::int64_t row = 0; row < filled_; ++row) {
      const float* values = block_.data() + row * depth_;
      for (std::size_t j = 0; j < sum_.size(); ++j) {
        const auto x = static_cast<double>(values[j]);
        sum_[j] += x;
        abs_sum_[j] += std::abs(x);
        min_[j] = x < min_[j] ? x : min_[j];
        max_[j] = x > max_[j] ? x : max_[j];
      }
    }
    if (gram_ != nullptr) gram_->Add(block_, filled_, threads_);
    filled_ = 0;
  }

  std::int64_t depth_;
  int threads_;
  std::int64_t filled_ = 0;
  std::vector<float> block_;
  std::vector<double> sum_;
  std::vector<double> abs_sum_;
  std::vector<double> min_;
  std::vector<double> max_;
  std::unique_ptr<GramMatrix> gram_;
};

// Sums over the channels of an output.
class ChannelSums {
 public:
  explicit ChannelSums(bool second_axis) : second_axis_(second_axis) {}

  Status Add(const TensorView& value) {
    if (value.shape.empty() || (second_axis_ && value.shape.size() < 2)) {
      return Error(ErrorCode::kMalformed, "an output of a layer has no channels");
    }
    const std::size_t axis = second_axis_ ? 1 : value.shape.size() - 1;
    std::int64_t inner = 1;
    for (std::size_t a = axis + 1; a < value.shape.size(); ++a) inner *= value.shape[a];
    const auto channels = static_cast<std::size_t>(value.shape[axis]);
    if (sums_.empty()) sums_.resize(channels, 0.0);
    if (sums_.size() != channels) {
      return Error(ErrorCode::kMalformed, "an output of a layer changes its channels");
    }
    const std::span<const float> values = value.As<float>();
    for (std::size_t i = 0; i < values.size();) {
      for (std::size_t c = 0; c < channels; ++c) {
        for (std::int64_t k = 0; k < inner; ++k) sums_[c] += static_cast<double>(values[i++]);
      }
    }
    if (channels > 0) count_ += static_cast<std::int64_t>(values.size() / channels);
    return Ok();
  }

  [[nodiscard]] std::vector<double> Means() const {
    std::vector<double> means = sums_;
    for (double& mean : means) mean /= static_cast<double>(std::max<std::int64_t>(1, count_));
    return means;
  }

 private:
  bool second_axis_;
  std::int64_t count_ = 0;
  std::vector<double> sums_;
};

// One request while samples stream.
class Gatherer {
 public:
  Gatherer(const InputRequest& request, const InputStatisticsOptions& options)
      : request_(request), options_(options) {
    for (const std::string& output : request.outputs) {
      outputs_.emplace(output, ChannelSums(request.reading.patches));
    }
  }

  Status SeeInput(const TensorView& value) {
    QB_OK(CheckFloat(value));
    const auto layout = LayOut(request_.reading, value.shape);
    if (!layout.ok()) return layout.error().Within(Name());
    if (groups_.empty()) Start(layout.value());
    if (layout.value().depth != depth_) {
      return Error(ErrorCode::kMalformed, Format("{}: its rows have {} numbers, then {}", Name(),
                                                 depth_, layout.value().depth));
    }
    const std::vector<std::int64_t> rows = RowsToTake(layout.value());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      for (const std::int64_t row : rows) {
        CopyRow(request_.reading, layout.value(), value.As<float>(), static_cast<std::int64_t>(g),
                row, groups_[g].row());
        groups_[g].NextRow();
      }
    }
    rows_ += static_cast<std::int64_t>(rows.size());
    return Ok();
  }

  Status SeeOutput(const std::string& output, const TensorView& value) {
    QB_OK(CheckFloat(value));
    if (auto added = outputs_.at(output).Add(value); !added.ok()) {
      return added.error().Within(Name());
    }
    return Ok();
  }

  [[nodiscard]] InputStatistics Finish() {
    InputStatistics statistics;
    statistics.tensor = request_.tensor;
    statistics.reading = request_.reading;
    statistics.groups = std::max<std::int64_t>(1, static_cast<std::int64_t>(groups_.size()));
    statistics.depth = depth_;
    statistics.rows = rows_;
    if (request_.gram) {
      statistics.gram.reserve(static_cast<std::size_t>(statistics.groups * depth_ * depth_));
    }
    for (GroupSums& group : groups_) group.AppendTo(&statistics, rows_);
    groups_.clear();
    for (const auto& [name, sums] : outputs_) statistics.output_means[name] = sums.Means();
    return statistics;
  }

 private:
  [[nodiscard]] std::string Name() const {
    return Format("tensor \"{}\"", Printable(request_.tensor));
  }

  [[nodiscard]] Status CheckFloat(const TensorView& value) const {
    if (value.type == DataType::kFloat32) return Ok();
    return Error(ErrorCode::kUnsupported, Format("{}: it or an output is {}, not float32", Name(),
                                                 quantbench::Name(value.type)));
  }

  void Start(const RowLayout& layout) {
    depth_ = layout.depth;
    groups_.reserve(static_cast<std::size_t>(layout.groups));
    for (std::int64_t g = 0; g < layout.groups; ++g) {
      groups_.emplace_back(depth_, request_.gram, options_.threads);
    }
  }

  // All, or as many patches as asked for: one anywhere in each of that many equal stretches, so
  // that no stride of the image meets one of ours.
  [[nodiscard]] std::vector<std::int64_t> RowsToTake(const RowLayout& layout) {
    const std::int64_t wanted = options_.patches_per_sample * layout.batch;
    const bool all = !request_.reading.patches || wanted == 0 || wanted >= layout.rows;
    std::vector<std::int64_t> rows(static_cast<std::size_t>(all ? layout.rows : wanted));
    const auto count = static_cast<std::int64_t>(rows.size());
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t begin = i * layout.rows / count;
      const std::int64_t length = (i + 1) * layout.rows / count - begin;
      const auto skip = all ? 0 : random_.Below(static_cast<std::uint64_t>(length));
      rows[static_cast<std::size_t>(i)] = begin + static_cast<std::int64_t>(skip);
    }
    return rows;
  }

  const InputRequest& request_;
  const InputStatisticsOptions& options_;
  std::int64_t depth_ = 0;
  std::int64_t rows_ = 0;
  Random random_{1};
  std::vector<GroupSums> groups_;
  std::map<std::string, ChannelSums, std::less<>> outputs_;
};

// Requests of one pass, and the tensors that are watched for them.
class Pass {
 public:
  Pass(std::span<const InputRequest> requests, const InputStatisticsOptions& options) {
    std::map<std::string, std::size_t> numbers;
    const auto number = [&](const std::string& tensor) {
      const auto [entry, is_new] = numbers.emplace(tensor, tensors_.size());
      if (is_new) {
        tensors_.push_back(tensor);
        uses_.emplace_back();
      }
      return entry->second;
    };
    for (std::size_t i = 0; i < requests.size(); ++i) {
      gatherers_.push_back(std::make_unique<Gatherer>(requests[i], options));
      uses_[number(requests[i].tensor)].push_back({i, true});
      for (const std::string& output : requests[i].outputs) {
        const std::size_t tensor = number(output);
        uses_[tensor].push_back({i, false});
      }
    }
  }

  [[nodiscard]] const std::vector<std::string>& tensors() const { return tensors_; }

  Status See(std::size_t tensor, const TensorView& value) {
    for (const auto& [gatherer, is_input] : uses_[tensor]) {
      Gatherer& one = *gatherers_[gatherer];
      QB_OK(is_input ? one.SeeInput(value) : one.SeeOutput(tensors_[tensor], value));
    }
    return Ok();
  }

  Status HandOut(const InputStatisticsSink& sink) {
    for (auto& gatherer : gatherers_) {
      QB_OK(sink(gatherer->Finish()));
      gatherer.reset();
    }
    return Ok();
  }

 private:
  struct Use {
    std::size_t gatherer;
    bool is_input;  // else one of its outputs
  };
  std::vector<std::string> tensors_;
  std::vector<std::vector<Use>> uses_;  // by tensor
  std::vector<std::unique_ptr<Gatherer>> gatherers_;
};

std::uint64_t BytesOf(const InputRequest& request, const RowLayout& layout) {
  constexpr std::uint64_t kSums = 5 * sizeof(double) + GramMatrix::kRows * sizeof(float);
  const std::uint64_t each = static_cast<std::uint64_t>(layout.depth) * kSums +
                             (request.gram ? GramMatrix::BytesFor(layout.depth) : 0);
  return static_cast<std::uint64_t>(layout.groups) * each;
}

// What the accumulators of each request need: known once the first sample has shown the shapes.
Result<std::vector<std::uint64_t>> Sizes(const WatchContext& context,
                                         const std::vector<InputRequest>& requests) {
  std::vector<std::string> tensors;
  tensors.reserve(requests.size());
  for (const InputRequest& request : requests) tensors.push_back(request.tensor);
  std::vector<std::uint64_t> sizes(requests.size(), 0);
  QB_TRY(
      const auto watched,
      WatchedModel::Load(context, tensors, [&](std::size_t i, const TensorView& value) -> Status {
        QB_TRY(const RowLayout layout, LayOut(requests[i].reading, value.shape));
        sizes[i] = BytesOf(requests[i], layout);
        return Ok();
      }));
  QB_OK(watched->Run(0));
  return sizes;
}

// Shows a pass all samples.
Status RunPass(const WatchContext& context, std::int64_t samples, Pass* pass, Progress& progress) {
  QB_TRY(const auto watched, WatchedModel::Load(context, pass->tensors(),
                                                [&](std::size_t tensor, const TensorView& value) {
                                                  return pass->See(tensor, value);
                                                }));
  for (std::int64_t sample = 0; sample < samples; sample += watched->batch()) {
    QB_OK(watched->Run(sample));
    progress.Update("gathering", std::min(samples, sample + watched->batch()), samples);
  }
  return Ok();
}

}  // namespace

Status StreamInputStatistics(const Model& model, const EngineAndData& over,
                             const std::vector<InputRequest>& requests,
                             const InputStatisticsOptions& options, const InputStatisticsSink& sink,
                             Progress& progress) {
  const std::int64_t samples = std::min(options.samples, over.dataset.size());
  if (samples <= 0) {
    return Error(ErrorCode::kInvalidArgument, "calibration needs at least one sample");
  }
  if (requests.empty()) return Ok();
  const WatchContext context{model, over.engine, over.dataset, Unfused(options.session)};
  QB_TRY(const std::vector<std::uint64_t> sizes, Sizes(context, requests));
  for (std::size_t begin = 0; begin < requests.size();) {
    std::size_t end = begin;
    std::uint64_t used = 0;
    while (end < requests.size() && (end == begin || used + sizes[end] <= options.memory_bytes)) {
      used += sizes[end++];
    }
    const std::span<const InputRequest> some = std::span(requests).subspan(begin, end - begin);
    Pass pass(some, options);
    QB_OK(RunPass(context, samples, &pass, progress));
    QB_OK(pass.HandOut(sink));
    begin = end;
  }
  return Ok();
}

}  // namespace quantbench

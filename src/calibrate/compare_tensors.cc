// Errors of tensors: one model's values are held for a sample while the other's are compared.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

#include "calibrate/watched_model.h"

namespace quantbench {
namespace {

Result<std::vector<double>> NumbersOf(const TensorView& value) {
  QB_TRY(Tensor tensor, Tensor::Make(value.type, {value.shape.begin(), value.shape.end()}));
  std::copy_n(value.bytes.begin(), std::min(value.bytes.size(), tensor.bytes.size()),
              tensor.bytes.begin());
  return ToDoubles(tensor);
}

// Float32 is compared as it lies there, everything else as doubles.
template <typename Number>
void AddErrors(std::span<const Number> expected, std::span<const Number> got, TensorError* error) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto x = static_cast<double>(expected[i]);
    const double difference = x - static_cast<double>(got[i]);
    error->signal += x * x;
    error->noise += difference * difference;
  }
  error->count += static_cast<std::int64_t>(expected.size());
}

// As they are where they are shares of one, else their softmax.
std::vector<double> SharesOf(std::span<const double> row) {
  std::vector<double> shares(row.begin(), row.end());
  double sum = 0;
  for (const double value : row) sum += value;
  const bool are_shares = std::abs(sum - 1) < 1e-3 &&
                          std::all_of(row.begin(), row.end(), [](double x) { return x >= 0; });
  if (are_shares) return shares;
  const double largest = *std::max_element(row.begin(), row.end());
  sum = 0;
  for (double& share : shares) sum += share = std::exp(share - largest);
  for (double& share : shares) share /= sum;
  return shares;
}

void AddDivergence(std::span<const double> expected, std::span<const double> got,
                   std::size_t classes, TensorError* error) {
  constexpr double kLeast = 1e-30;  // an answer that is ruled out costs much, not infinitely much
  if (classes < 2) return;
  for (std::size_t begin = 0; begin < expected.size(); begin += classes) {
    const std::vector<double> p = SharesOf(expected.subspan(begin, classes));
    const std::vector<double> q = SharesOf(got.subspan(begin, classes));
    for (std::size_t i = 0; i < classes; ++i) {
      if (p[i] > 0) error->divergence += p[i] * std::log(p[i] / std::max(q[i], kLeast));
    }
    ++error->rows;
  }
}

// Some pairs, over all samples.
class ComparingPass {
 public:
  ComparingPass(std::span<const TensorPair> pairs, std::span<TensorError> errors)
      : pairs_(pairs), errors_(errors), held_(pairs.size()) {}

  Status Run(const WatchContext& reference, const WatchContext& other, std::int64_t samples,
             const std::function<void(std::int64_t)>& done) {
    QB_TRY(const auto expected, WatchedModel::Load(reference, Names(&TensorPair::reference),
                                                   [&](std::size_t i, const TensorView& value) {
                                                     return Hold(i, value);
                                                   }));
    QB_TRY(const auto got, WatchedModel::Load(other, Names(&TensorPair::other),
                                              [&](std::size_t i, const TensorView& value) {
                                                return Compare(i, value);
                                              }));
    for (std::int64_t sample = 0; sample < samples; sample += expected->batch()) {
      QB_OK(expected->Run(sample));
      QB_OK(got->Run(sample));
      done(std::min(samples, sample + expected->batch()));
    }
    return Ok();
  }

 private:
  [[nodiscard]] std::vector<std::string> Names(std::string TensorPair::*name) const {
    std::vector<std::string> names;
    for (const TensorPair& pair : pairs_) names.push_back(pair.*name);
    return names;
  }

  Status Hold(std::size_t i, const TensorView& value) {
    held_[i].type = value.type;
    held_[i].shape.assign(value.shape.begin(), value.shape.end());
    held_[i].bytes.assign(value.bytes.begin(), value.bytes.end());
    return Ok();
  }

  Status Compare(std::size_t i, const TensorView& value) {
    const Tensor& expected = held_[i];
    if (!std::equal(expected.shape.begin(), expected.shape.end(), value.shape.begin(),
                    value.shape.end())) {
      return Error(ErrorCode::kMalformed,
                   Format("tensor \"{}\" has shape {} instead of {}", Printable(pairs_[i].other),
                          ToString(Shape(value.shape.begin(), value.shape.end())),
                          ToString(expected.shape)));
    }
    const bool floats = expected.type == DataType::kFloat32 && value.type == expected.type;
    if (floats && !pairs_[i].divergence) {
      AddErrors(expected.As<float>(), value.As<float>(), &errors_[i]);
      return Ok();
    }
    QB_TRY(const std::vector<double> x, ToDoubles(expected));
    QB_TRY(const std::vector<double> y, NumbersOf(value));
    AddErrors(std::span(x), std::span(y), &errors_[i]);
    if (pairs_[i].divergence && !expected.shape.empty()) {
      AddDivergence(x, y, static_cast<std::size_t>(expected.shape.back()), &errors_[i]);
    }
    return Ok();
  }

  std::span<const TensorPair> pairs_;
  std::span<TensorError> errors_;
  std::vector<Tensor> held_;
};

// So few are compared in one pass, whatever their size: to ask for it would take a run.
constexpr std::size_t kFewPairs = 4;

// Bytes of each tensor of the reference, from its first sample.
Result<std::vector<std::uint64_t>> BytesHeld(const WatchContext& reference,
                                             const std::vector<TensorPair>& pairs) {
  std::vector<std::string> names;
  names.reserve(pairs.size());
  for (const TensorPair& pair : pairs) names.push_back(pair.reference);
  std::vector<std::uint64_t> bytes(pairs.size(), 0);
  QB_TRY(const auto watched,
         WatchedModel::Load(reference, names, [&](std::size_t i, const TensorView& value) {
           bytes[i] = value.bytes.size();
           return Ok();
         }));
  QB_OK(watched->Run(0));
  return bytes;
}

}  // namespace

double TensorError::SqnrDb() const {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

Result<std::vector<TensorError>> CompareTensors(const Model& reference, const Model& other,
                                                const EngineAndData& over,
                                                const std::vector<TensorPair>& pairs,
                                                const CompareOptions& options, Progress& progress) {
  const std::int64_t samples = std::min(options.samples, over.dataset.size());
  if (samples <= 0) {
    return Error(ErrorCode::kInvalidArgument, "comparing needs at least one sample");
  }
  std::vector<TensorError> errors(pairs.size());
  const WatchContext expected{reference, over.engine, over.dataset, options.session};
  const WatchContext got{other, over.engine, over.dataset, options.session};
  std::vector<std::uint64_t> bytes(pairs.size(), 0);
  if (pairs.size() > kFewPairs) {
    QB_TRY(bytes, BytesHeld(expected, pairs));
  }
  for (std::size_t begin = 0; begin < pairs.size();) {
    std::size_t end = begin;
    std::uint64_t used = 0;
    while (end < pairs.size() && (end == begin || used + bytes[end] <= options.memory_bytes)) {
      used += bytes[end++];
    }
    const std::span<const TensorPair> some = std::span(pairs).subspan(begin, end - begin);
    ComparingPass pass(some, std::span(errors).subspan(begin, end - begin));
    QB_OK(pass.Run(expected, got, samples,
                   [&](std::int64_t done) { progress.Update("comparing", done, samples); }));
    begin = end;
  }
  return errors;
}

}  // namespace quantbench

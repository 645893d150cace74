// Running models in tests: through ONNX Runtime, with samples made in code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/random.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"

namespace quantbench::testing {

// The value, or a failed test and an abort: nothing after it would make sense.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    ADD_FAILURE() << result.error().message();
    std::abort();
  }
  return std::move(result).value();
}

inline Engine& TestEngine() {
  static const std::unique_ptr<Engine> engine = Must(OpenOnnxRuntime());
  return *engine;
}

inline std::unique_ptr<Session> LoadSession(const Model& model,
                                            const SessionOptions& options = {}) {
  const std::vector<std::byte> bytes = Must(EncodeToBytes(model));
  return Must(TestEngine().Load({bytes, {}}, options));
}

inline std::vector<Tensor> RunModel(const Model& model, const std::vector<NamedTensor>& inputs,
                                    const SessionOptions& options = {}) {
  const std::unique_ptr<Session> session = LoadSession(model, options);
  Must(session->Bind(inputs));
  Must(session->Run());
  std::vector<Tensor> outputs;
  for (NamedTensor& output : Must(session->Fetch())) outputs.push_back(std::move(output.tensor));
  return outputs;
}

// How many nodes of each operator the engine runs once it has optimized the graph.
inline std::map<std::string, int> OperatorsRun(const Model& model) {
  std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::replace(name.begin(), name.end(), '/', '_');
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) /
                                     (name + "_" + std::to_string(::getpid()) + ".onnx");
  SessionOptions options;
  options.optimized_model_path = path.string();
  static_cast<void>(LoadSession(model, options));
  std::map<std::string, int> counts;
  for (const Node& node : Must(LoadModel(path)).graph.nodes) ++counts[node.op_type];
  std::filesystem::remove(path);
  return counts;
}

inline Tensor RandomTensor(const Shape& shape, std::uint64_t seed, double deviation = 1) {
  Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(Must(ElementCount(shape))));
  for (float& value : values) value = static_cast<float>(random.Normal() * deviation);
  return Tensor::OfFloats(shape, values);
}

// Decibels; infinity when equal.
inline double Sqnr(const Tensor& reference, const Tensor& other) {
  const std::vector<double> x = Must(ToDoubles(reference));
  const std::vector<double> y = Must(ToDoubles(other));
  if (x.size() != y.size()) return -std::numeric_limits<double>::infinity();
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    signal += x[i] * x[i];
    noise += (x[i] - y[i]) * (x[i] - y[i]);
  }
  return noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
}

// Samples held in memory.
class VectorDataset final : public Dataset {
 public:
  explicit VectorDataset(std::vector<Sample> samples) : samples_(std::move(samples)) {}
  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(samples_.size());
  }
  [[nodiscard]] bool has_labels() const override { return false; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return samples_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<Sample> samples_;
};

// Normal samples of that shape (without the batch) for a model with one input.
inline VectorDataset NormalSamples(const Shape& shape, int count, std::uint64_t seed = 11) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    Sample sample;
    sample.name = "#" + std::to_string(i);
    sample.inputs.push_back(RandomTensor(shape, seed + static_cast<std::uint64_t>(i)));
    samples.push_back(std::move(sample));
  }
  return VectorDataset(std::move(samples));
}

}  // namespace quantbench::testing

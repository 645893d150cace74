// A model in the engine's hands, some of whose tensors are shown while it runs over samples.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"

namespace quantbench {

// Called with the number of the tensor, in the order computed. An error ends the run with it.
using SeeTensor = std::function<Status(std::size_t tensor, const TensorView& value)>;

// Where samples come from and how the model is run.
struct WatchContext {
  const Model& model;
  Engine& engine;
  const Dataset& dataset;
  SessionOptions session;
};

// The graph as it is written, so that values do not depend on what is watched, and threads that
// sleep while a watcher works.
[[nodiscard]] SessionOptions Unfused(SessionOptions session);

// kInvalidArgument for a tensor that is no input of the graph and no output of a node of it.
[[nodiscard]] Status CheckTensorsExist(const Graph& graph, const std::vector<std::string>& tensors);

// A copy of the model in memory, with a Watch node (engine.h) for every tensor.
class WatchedModel {
 public:
  [[nodiscard]] static Result<std::unique_ptr<WatchedModel>> Load(
      const WatchContext& context, const std::vector<std::string>& tensors, SeeTensor see);
  WatchedModel(const WatchedModel&) = delete;
  WatchedModel& operator=(const WatchedModel&) = delete;
  WatchedModel(WatchedModel&&) = delete;
  WatchedModel& operator=(WatchedModel&&) = delete;
  ~WatchedModel();

  // Samples that one run takes: the model's own batch where that is fixed, else one.
  [[nodiscard]] std::int64_t batch() const { return batch_; }
  // Runs over the samples [begin, begin + batch()), counted round. Errors name the sample.
  [[nodiscard]] Status Run(std::int64_t begin);

 private:
  class Eyes;
  WatchedModel(const WatchContext& context, std::vector<std::string> tensors, SeeTensor see);
  [[nodiscard]] Result<std::vector<NamedTensor>> Inputs(std::int64_t begin) const;

  const Dataset& dataset_;
  std::vector<InputSpec> inputs_;
  std::int64_t batch_ = 1;
  std::vector<std::string> bound_outputs_;
  std::unique_ptr<Eyes> eyes_;  // outlives the session
  std::unique_ptr<Session> session_;
};

}  // namespace quantbench

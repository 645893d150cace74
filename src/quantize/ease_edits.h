// Edits of the rewriting steps: channels of initializers multiplied by factors.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "quantize/weighted_layer.h"

namespace quantbench {

// A graph whose initializers are multiplied channel by channel. Reads what was changed so far.
class EasedGraph {
 public:
  explicit EasedGraph(Model* model);

  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] const Graph& graph() const { return model_->graph; }
  // The only reader of an initializer that is float32 may change it.
  [[nodiscard]] bool IsOwned(const std::string& initializer) const;
  // As it is now. It must be there.
  [[nodiscard]] Result<std::vector<float>> Read(const std::string& initializer) const;
  // number[..., c, ...] *= factors[c], c the index along `axis`.
  [[nodiscard]] Status Multiply(const std::string& initializer, std::int64_t axis,
                                std::span<const double> factors);
  // Largest magnitudes along an axis.
  [[nodiscard]] Result<std::vector<double>> Maxima(const std::string& initializer,
                                                   std::int64_t axis) const;
  // Readers of `value` get it divided by `factors` along its last axis. Ends the graph's index:
  // inserted when Finish is called.
  void Divide(const std::string& value, std::span<const double> factors);
  // Writes everything back.
  void Finish();

 private:
  [[nodiscard]] const Initializer& Of(const std::string& initializer) const;

  Model* model_;
  GraphIndex index_;
  std::map<std::string, std::vector<float>, std::less<>> changed_;
  std::vector<std::pair<std::string, std::vector<float>>> divided_;
};

// Where the channels of a weighted layer lie in its weight.
[[nodiscard]] std::int64_t OutputAxis(const Node& node, const WeightedLayer& layer);
[[nodiscard]] std::int64_t InputAxis(const Node& node, const WeightedLayer& layer);

// kEqualize; how many pairs and triples of layers there are.
[[nodiscard]] Result<std::int64_t> EqualizeLayers(EasedGraph* eased);

}  // namespace quantbench

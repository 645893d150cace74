// What quantizing TorchScript is asked for, and what became of each layer.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "torch/quantize_layers.h"

namespace quantbench {

// What cannot be done as asked, and who can change that: the name of an ErrorCode of base/status.h.
// Told in the report, not as an error of libtorch.
class TorchRefusal final : public std::runtime_error {
 public:
  TorchRefusal(const char* code, const std::string& message)
      : std::runtime_error(message), code_(code) {}
  [[nodiscard]] const char* code() const { return code_; }

 private:
  const char* code_;
};

struct TorchQuantizeOptions {
  std::string recipe;  // "dynamic-int8" or "static-int8"
  bool per_channel = false;
  std::vector<std::string> keep_float;  // names, operators ("aten::lstm", "lstm"), * and ?
  std::string quantized_engine;         // "": the best that this libtorch has
  int threads = 0;                      // of libtorch; 0: as it is
  std::string made_by;                  // goes into the archive's quantbench.json
  bool reduce_range = true;             // static: activations of 7 bits, so that no sum saturates
  bool observe = false;                 // static: only shows the values whose ranges it needs
  // Static: lowest and highest of each value that `observe` shows.
  std::map<std::string, std::pair<double, double>> ranges;
};
// Throws for what is no such options.
[[nodiscard]] TorchQuantizeOptions ParseQuantizeOptions(const char* json);

// A layer of the report.
struct TorchLayerPlan {
  std::string layer;
  std::string op;
  std::string scheme = "float";  // "dynamic-int8", "static-int8"
  std::string form;              // the operator that does it: "quantized::linear_dynamic"
  std::string reason;            // why it stayed float
  bool per_channel = false;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};
[[nodiscard]] nlohmann::ordered_json ToReport(const std::vector<TorchLayerPlan>& layers);

// The report's entry of a layer that stays float.
[[nodiscard]] TorchLayerPlan FloatPlan(const TorchLayer& layer, std::string reason);
// The entry of one with int8 weights, scales included in its bytes.
[[nodiscard]] TorchLayerPlan IntegerPlan(const TorchLayer& layer, std::string scheme,
                                         std::string form, bool per_channel);

// Whether a pattern names the operator: "aten::add" or "add".
[[nodiscard]] bool MatchesOperator(const std::vector<std::string>& patterns, const std::string& op);

// For each layer "" or why keep_float keeps it. Throws when a pattern matches no layer and no
// operator of the graph.
[[nodiscard]] std::vector<std::string> KeptFloat(torch::jit::Graph& graph,
                                                 const std::vector<TorchLayer>& layers,
                                                 const std::vector<std::string>& patterns);

}  // namespace quantbench

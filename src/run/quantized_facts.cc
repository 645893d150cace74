// What a study's record says of a model beside what quantizing it found.
#include "run/quantized_facts.h"

#include <algorithm>
#include <array>
#include <system_error>

namespace quantbench {
namespace {

constexpr std::uintmax_t kLargestCopied = 256U << 20U;  // bytes of a model that is loaded for this

// [ONNX Operators.md: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear]
bool IsConversion(const Node& node) {
  constexpr auto kConversions = std::to_array<std::string_view>(
      {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"});
  return std::find(kConversions.begin(), kConversions.end(), node.op_type) != kConversions.end();
}

}  // namespace

std::int64_t DenormalsOf(const std::filesystem::path& model) {
  const auto loaded = LoadModel(model);
  if (!loaded.ok()) return -1;
  const auto count = CountDenormals(loaded.value().graph);
  return count.ok() ? count.value() : -1;
}

Json OperatorsOf(const std::filesystem::path& model, const WorkerOptions& worker,
                 Progress& progress) {
  const auto written = LoadModel(model);
  if (!written.ok() || written.value().total_bytes() > kLargestCopied) return nullptr;
  const auto loaded = LoadedModel(model, worker, progress);
  if (!loaded.ok()) return nullptr;
  const std::vector<Node>& nodes = loaded.value().graph.nodes;
  return Json::MakeObject()
      .Set("operators", std::ssize(nodes))
      .Set("conversions", std::count_if(nodes.begin(), nodes.end(), IsConversion));
}

}  // namespace quantbench

// A model's work: its operators one by one, and what is computed once, ahead, left out.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "quantbench/flops.h"

#include "flops/rules.h"

namespace quantbench {
namespace {

// Where operators of codes have scales and zero points, which are no parameters of the model
// [ONNX Operators.md; ONNX Runtime ContribOperators.md].
struct ScalePlaces {
  std::string_view op_type;
  std::uint32_t places = 0;  // a bit each
};
constexpr std::uint32_t Places(std::initializer_list<unsigned> places) {
  std::uint32_t bits = 0;
  for (const unsigned place : places) bits |= 1U << place;
  return bits;
}
constexpr auto kScalePlaces = std::to_array<ScalePlaces>({
    {"QuantizeLinear", Places({1, 2})},
    {"DequantizeLinear", Places({1, 2})},
    {"QLinearConv", Places({1, 2, 4, 5, 6, 7})},
    {"QLinearMatMul", Places({1, 2, 4, 5, 6, 7})},
    {"QGemm", Places({1, 2, 4, 5, 7, 8})},
    {"QLinearAdd", Places({1, 2, 4, 5, 6, 7})},
    {"QLinearMul", Places({1, 2, 4, 5, 6, 7})},
    {"QLinearLeakyRelu", Places({1, 2, 3, 4})},
    {"QLinearSigmoid", Places({1, 2, 3, 4})},
    {"QLinearSoftmax", Places({1, 2, 3, 4})},
    {"QLinearGlobalAveragePool", Places({1, 2, 3, 4})},
    {"QLinearAveragePool", Places({1, 2, 3, 4})},
    {"ConvInteger", Places({2, 3})},
    {"MatMulInteger", Places({2, 3})},
    {"MatMulIntegerToFloat", Places({2, 3, 4, 5})},
    {"DynamicQuantizeMatMul", Places({2, 3})},
    {"DynamicQuantizeLSTM", Places({8, 9, 10, 11})},
    {"QAttention", Places({3, 4, 6, 7})},
    {"MatMulNBits", Places({2, 3})},
    {"GatherBlockQuantized", Places({2, 3})},
    {"Resize", Places({1, 2})},
    {"Upsample", Places({1})},
});

bool IsScale(const Node& node, std::size_t place) {
  // The output's scale and zero point, then codes, scale and zero point of every input.
  if (node.op_type == "QLinearConcat") return place < 2 || place % 3 != 2;
  for (const ScalePlaces& entry : kScalePlaces) {
    if (entry.op_type != node.op_type) continue;
    return place < 32 && (entry.places >> place & 1U) != 0;
  }
  return false;
}

// Numbers that were learned: floats and codes with dimensions, and biases in int32 of operators of
// codes. Scalars are part of the arithmetic, int64 of shapes.
std::int64_t ParametersIn(const Initializer& numbers, const RunNode& reader, std::size_t place) {
  if (numbers.dims.empty() || IsScale(*reader.node, place)) return 0;
  const auto count = ElementCount(numbers.dims);
  if (!count.ok()) return 0;
  const bool is_code = IsInteger(numbers.type) && BitsPerElement(numbers.type) <= 16;
  const CountRuleEntry* rule = FindCountRule(reader.node->domain, reader.node->op_type);
  const bool is_bias = numbers.type == DataType::kInt32 &&
                       ((rule != nullptr && rule->integer) || reader.node->Is("DequantizeLinear"));
  if (!IsFloatingPoint(numbers.type) && !is_code && !is_bias) return 0;
  const bool is_packed = numbers.type == DataType::kUint8 && is_code && place <= 1 &&
                         (reader.node->op_type == "MatMulNBits" ||
                          (reader.node->op_type == "GatherBlockQuantized" && place == 0));
  if (!is_packed) return count.value();
  const std::int64_t bits = reader.node->IntAttribute("bits", 4);
  return bits > 0 && bits <= 8 ? CountProduct({count.value(), 8 / bits}) : count.value();
}

// One learned tensor.
struct Learned {
  std::int64_t count = 0;
  std::int64_t readers = 0;
};

// Walks the operators of a run.
class Counter {
 public:
  void Add(const RunNode& run) {
    const Node& node = *run.node;
    std::map<const Initializer*, std::int64_t> counts;
    Gather(run, &counts);
    if (node.op_type == "DequantizeLinear" && !node.outputs.empty()) {
      decoded_.insert(node.outputs[0]);
    }
    if (IsFixed(run)) {
      for (const std::string& output : node.outputs) fixed_[output] = counts;
      return;
    }
    if (FindTraffic(node.op_type) == Traffic::kNothing && !run.hides_work) return;
    OperatorWork entry;
    entry.name = run.name;
    entry.op_type = node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
    entry.work = WorkOf(run, &entry.unknown);
    const CountRuleEntry* rule = FindCountRule(node.domain, node.op_type);
    entry.decoded = rule != nullptr && !rule->integer && ReadsDecoded(node);
    entry.integer = entry.decoded || (rule != nullptr && rule->integer);
    entry.weight_bytes = std::min(WeightBytes(run), entry.work.bytes_read);
    for (const auto& [numbers, count] : counts) {
      entry.parameters = CountSum(entry.parameters, count);
      Learned& learned = learned_[numbers];
      learned.count = std::max(learned.count, count);
      ++learned.readers;
    }
    Total(entry);
    work_.operators.push_back(std::move(entry));
  }

  ModelWork Finish() {
    for (const auto& [numbers, learned] : learned_) {
      work_.parameters = CountSum(work_.parameters, learned.count);
      if (learned.readers < 2) continue;
      work_.shared_parameters = CountSum(work_.shared_parameters, learned.count);
    }
    return std::move(work_);
  }

 private:
  // The learned tensors that the operator reads, also through operators that are computed ahead.
  void Gather(const RunNode& run, std::map<const Initializer*, std::int64_t>* counts) const {
    for (std::size_t i = 0; i < run.inputs.size(); ++i) {
      if (const Initializer* numbers = run.inputs[i].constant) {
        const std::int64_t count = ParametersIn(*numbers, run, i);
        if (count > 0) (*counts)[numbers] = std::max((*counts)[numbers], count);
        continue;
      }
      const auto found = fixed_.find(run.node->inputs[i]);
      if (found == fixed_.end() || IsScale(*run.node, i)) continue;
      counts->insert(found->second.begin(), found->second.end());
    }
  }

  // Bytes of the constants that it reads whole, those computed ahead among them.
  [[nodiscard]] std::int64_t WeightBytes(const RunNode& run) const {
    if (run.hides_work) return 0;
    const bool picks = FindTraffic(run.node->op_type) == Traffic::kPicks;
    std::int64_t bytes = 0;
    for (std::size_t i = picks ? 1 : 0; i < run.inputs.size(); ++i) {
      if (run.inputs[i].constant == nullptr && !fixed_.contains(run.node->inputs[i])) continue;
      bytes = CountSum(bytes, BytesOf(run.inputs[i]).value_or(0));
    }
    return bytes;
  }

  // Whether it reads only constants: computed once, when the model is loaded.
  [[nodiscard]] bool IsFixed(const RunNode& run) const {
    if (run.hides_work || run.node->Is("If")) return false;
    for (std::size_t i = 0; i < run.inputs.size(); ++i) {
      const std::string& name = run.node->inputs[i];
      if (name.empty() || run.inputs[i].constant != nullptr || fixed_.contains(name)) continue;
      return false;
    }
    return !run.inputs.empty() || run.node->Is("Constant");
  }

  // Whether both operands were codes right before: the pattern that engines fuse to an operator of
  // codes.
  [[nodiscard]] bool ReadsDecoded(const Node& node) const {
    return node.inputs.size() > 1 && decoded_.contains(node.inputs[0]) &&
           decoded_.contains(node.inputs[1]);
  }

  void Total(const OperatorWork& entry) {
    work_.total += entry.work;
    if (entry.integer) work_.integer_macs = CountSum(work_.integer_macs, entry.work.macs);
    if (!entry.unknown.empty()) ++work_.unknown;
    if (entry.op_type == "QuantizeLinear" || entry.op_type == "DequantizeLinear") return;
    const std::int64_t values = entry.work.bytes() - entry.weight_bytes;
    work_.widest_bytes = std::max(work_.widest_bytes, entry.decoded ? values / 4 : values);
  }

  ModelWork work_;
  std::unordered_map<const Initializer*, Learned> learned_;
  std::unordered_set<std::string_view> decoded_;
  // Values computed ahead: the learned tensors in them.
  std::unordered_map<std::string_view, std::map<const Initializer*, std::int64_t>> fixed_;
};

}  // namespace

ModelWork CountWork(const Model& model, const GivenInputs& given) {
  Counter counter;
  for (const RunNode& run : FollowRun(model, given)) counter.Add(run);
  return counter.Finish();
}

Json Work::ToJson() const {
  return Json::MakeObject()
      .Set("macs", macs)
      .Set("elementwise", elementwise)
      .Set("transcendentals", transcendentals)
      .Set("bytes_read", bytes_read)
      .Set("bytes_written", bytes_written);
}

Work Work::FromJson(const Json& json) {
  const auto count = [&](std::string_view key) {
    return std::max<std::int64_t>(0, json[key].AsInt());
  };
  return {count("macs"), count("elementwise"), count("transcendentals"), count("bytes_read"),
          count("bytes_written")};
}

Json ModelWork::ToJson() const {
  return Json::MakeObject()
      .Set("total", total.ToJson())
      .Set("integer_macs", integer_macs)
      .Set("parameters", parameters)
      .Set("shared_parameters", shared_parameters)
      .Set("unknown", unknown)
      .Set("widest_bytes", widest_bytes);
}

ModelWork ModelWork::FromJson(const Json& json) {
  ModelWork work;
  work.total = Work::FromJson(json["total"]);
  const auto count = [&](std::string_view key) {
    return std::max<std::int64_t>(0, json[key].AsInt());
  };
  work.integer_macs = count("integer_macs");
  work.parameters = count("parameters");
  work.shared_parameters = count("shared_parameters");
  work.unknown = count("unknown");
  work.widest_bytes = count("widest_bytes");
  return work;
}

}  // namespace quantbench

// Weighing the integer region: expected costs of its members and of conversions at its borders.
#include "quantize/what_pays.h"

#include <algorithm>
#include <map>
#include <optional>

#include "quantbench/base/format.h"

#include "quantize/layer_costs.h"
#include "quantize/min_cut.h"
#include "quantize/plan_static.h"

namespace quantbench {
namespace {

// Costs are good to a fifth. A region that is expected to gain more is left whole; a mix must be
// this much faster than integers throughout, and than floats.
constexpr double kClearGain = 1.2;
constexpr double kGainOverIntegers = 1.03;
constexpr double kGainOverFloats = 1.05;
// Beyond this many nodes a cut could take long: they are chosen as they can be.
constexpr std::size_t kMostMembers = 3000;

// Picoseconds, for exact sums; a hostile shape ends at 100 s.
std::int64_t InPicoseconds(double nanoseconds) {
  return static_cast<std::int64_t>(std::min(nanoseconds * 1000, 1e14));
}

// The costs are those of 8-bit codes in the form that the engine runs fastest.
bool IsMeasured(const Treatment& treatment) {
  return treatment.format == QuantFormat::kEngine && treatment.weights != DataType::kInt4 &&
         treatment.activations == DataType::kUndefined;
}

// What the members and their tensors cost; absent when something of it is not known.
class Weigher {
 public:
  Weigher(const KernelCosts& kernels, const PlanContext& context, const LayerChoices& choices,
          const IntegerRegion& region)
      : kernels_(kernels),
        context_(context),
        choices_(choices),
        region_(region),
        shapes_(context.model()) {}

  [[nodiscard]] std::optional<WeighedRegion> Weigh() {
    const auto& members = region_.members();
    if (members.empty() || members.size() > kMostMembers) return std::nullopt;
    for (const std::int64_t node : members) {
      const auto member = MemberOf(node);
      if (!member) return std::nullopt;
      places_.emplace(node, result_.members.size());
      result_.members.push_back(*member);
    }
    std::map<std::string, WeighedTensor> tensors;
    for (const auto& [node, place] : places_) {
      for (const std::string& input : region_.InputsOf(node)) {
        tensors[input].readers.push_back(place);
      }
      if (!region_.OutputsCodes(node)) continue;
      for (const std::string& output : region_.OutputsOf(node)) {
        tensors[output].producer = static_cast<std::int64_t>(place);
      }
    }
    for (auto& [name, tensor] : tensors) {
      if (!AddCosts(name, &tensor)) return std::nullopt;
      result_.tensors.push_back(std::move(tensor));
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::optional<WeighedRegion::Member> MemberOf(std::int64_t node) const {
    const Node& operation = *context_.NodeOf(node).node;
    const ChosenLayer* chosen = choices_.Find(node);
    const bool is_layer = chosen != nullptr && IsWeightedOperator(operation);
    if (is_layer && !IsMeasured(*chosen->treatment())) return std::nullopt;
    const auto cost = is_layer ? CostOfLayer(kernels_, operation, chosen->layer, shapes_,
                                             context_.index().IsGraphInput(operation.inputs[0]))
                               : CostBetween(kernels_, operation, shapes_, AroundOf(node));
    if (!cost) return std::nullopt;
    WeighedRegion::Member member{node, cost->as_float, cost->as_integers, false};
    if (region_.FactorOf(node) > 0) member.as_integers = 0;  // no node computes it
    member.is_forced = is_layer && chosen->choices.by_rule;
    return member;
  }

  [[nodiscard]] Surroundings AroundOf(std::int64_t node) const {
    Surroundings around;
    for (const std::string& input : context_.NodeOf(node).node->inputs) {
      if (context_.index().FindInitializer(input) != nullptr) around.reads_constant = true;
    }
    for (const std::string& output : region_.OutputsOf(node)) {
      if (region_.ClampOf(output) != nullptr) around.is_clamped = true;
    }
    return around;
  }

  [[nodiscard]] bool AddCosts(const std::string& name, WeighedTensor* tensor) const {
    const Shape* shape = shapes_.Of(name);
    if (shape == nullptr) return false;
    const double elements = *shapes_.ElementsOf(name);
    const bool is_image = shape->size() >= 4;
    tensor->to_codes = CostOfQuantizing(elements, is_image);
    if (tensor->producer < 0) return true;
    const auto readers = context_.index().Consumers(name);
    tensor->is_read_as_float =
        context_.index().IsGraphOutput(name) ||
        std::any_of(readers.begin(), readers.end(),
                    [&](std::int64_t reader) { return !places_.contains(reader); });
    const std::int64_t node = result_.members[static_cast<std::size_t>(tensor->producer)].node;
    const Node& producer = *context_.NodeOf(node).node;
    const bool may_be_float = producer.Is("MatMul") || producer.Is("Gemm");
    tensor->to_floats = may_be_float ? 0 : CostOfDequantizing(elements, is_image);
    return true;
  }

  const KernelCosts& kernels_;
  const PlanContext& context_;
  const LayerChoices& choices_;
  const IntegerRegion& region_;
  const SampleShapes shapes_;
  std::map<std::int64_t, std::size_t> places_;
  WeighedRegion result_;
};

// The cheapest mix: the first side of the cut are integers.
std::vector<bool> BestMix(const WeighedRegion& region) {
  MinCut cut(region.members.size());
  for (std::size_t place = 0; place < region.members.size(); ++place) {
    const WeighedRegion::Member& member = region.members[place];
    cut.AddChoice(place, InPicoseconds(member.as_integers),
                  member.is_forced ? MinCut::kNever : InPicoseconds(member.as_float));
  }
  for (const WeighedTensor& tensor : region.tensors) {
    // One conversion serves all readers of a kind: a node that is there when any of them is.
    if (!tensor.readers.empty()) {
      const std::size_t codes = cut.AddNode();
      for (const std::size_t reader : tensor.readers) {
        cut.AddBorder(reader, codes, MinCut::kNever);
      }
      if (tensor.producer < 0) {
        cut.AddChoice(codes, InPicoseconds(tensor.to_codes), 0);
      } else {
        cut.AddBorder(codes, static_cast<std::size_t>(tensor.producer),
                      InPicoseconds(tensor.to_codes));
      }
    }
    if (tensor.producer < 0) continue;
    const std::size_t floats = cut.AddNode();
    cut.AddBorder(static_cast<std::size_t>(tensor.producer), floats,
                  InPicoseconds(tensor.to_floats));
    if (tensor.is_read_as_float) cut.AddChoice(floats, MinCut::kNever, 0);
    for (const std::size_t reader : tensor.readers) {
      cut.AddBorder(floats, reader, MinCut::kNever);
    }
  }
  std::vector<bool> sides = cut.Solve();
  sides.resize(region.members.size());
  return sides;
}

std::string WhyLeft(const WeighedRegion::Member& member, bool is_all) {
  if (is_all) return "no part of the network is expected to gain by integers";
  if (member.as_integers < member.as_float) {
    return "among layers that stay float: converting for it alone is not expected to pay";
  }
  return Format("expected to be slower as integers: {:.1f} us, as floats {:.1f}",
                member.as_integers / 1000, member.as_float / 1000);
}

}  // namespace

double WeighedRegion::CostOf(const std::vector<bool>& is_integer) const {
  double cost = 0;
  for (std::size_t place = 0; place < members.size(); ++place) {
    cost += is_integer[place] ? members[place].as_integers : members[place].as_float;
  }
  for (const WeighedTensor& tensor : tensors) {
    const bool makes_codes =
        tensor.producer >= 0 && is_integer[static_cast<std::size_t>(tensor.producer)];
    bool wants_codes = false;
    bool wants_floats = tensor.is_read_as_float;
    for (const std::size_t reader : tensor.readers) {
      wants_codes = wants_codes || is_integer[reader];
      wants_floats = wants_floats || !is_integer[reader];
    }
    if (wants_codes && !makes_codes) cost += tensor.to_codes;
    if (wants_floats && makes_codes) cost += tensor.to_floats;
  }
  return cost;
}

std::vector<bool> WhichPay(const WeighedRegion& region) {
  std::vector<bool> all(region.members.size(), true);
  std::vector<bool> asked;
  for (const WeighedRegion::Member& member : region.members) asked.push_back(member.is_forced);
  const double as_integers = region.CostOf(all);
  const double as_floats = region.CostOf(asked);
  if (as_integers * kClearGain <= as_floats) return all;
  std::vector<bool> mix = BestMix(region);
  const double mixed = region.CostOf(mix);
  if (as_floats <= mixed * kGainOverFloats) return asked;
  return as_integers <= mixed * kGainOverIntegers ? all : mix;
}

LayerChoices ChoicesThatPay(const PlanContext& context, std::string* note) {
  LayerChoices choices = LayerChoices::Of(context);
  const KernelCosts* kernels = KernelCostsOf(context.recipe().target);
  if (!context.recipe().weighs_costs || kernels == nullptr) return choices;
  const StaticPart part = StaticPart::Of(context, choices);
  const auto region = Weigher(*kernels, context, choices, part.region()).Weigh();
  if (!region) return choices;
  const std::vector<bool> pays = WhichPay(*region);
  const bool is_all = std::find(pays.begin(), pays.end(), true) == pays.end();
  std::map<std::int64_t, std::string> left;
  for (std::size_t place = 0; place < pays.size(); ++place) {
    const WeighedRegion::Member& member = region->members[place];
    const bool is_layer = choices.Find(member.node) != nullptr;
    if (!pays[place] && is_layer) left.emplace(member.node, WhyLeft(member, is_all));
  }
  if (left.empty()) return choices;
  choices.LeaveFloat(left);
  if (note != nullptr) {
    const std::vector<bool> all(pays.size(), true);
    const std::vector<bool> none(pays.size(), false);
    *note = Format(
        "{} layers stay float, where integers are not expected to pay; all of them together, one "
        "thread: {:.0f} us as floats, {:.0f} as integers, {:.0f} as planned",
        left.size(), region->CostOf(none) / 1000, region->CostOf(all) / 1000,
        region->CostOf(pays) / 1000);
  }
  return choices;
}

}  // namespace quantbench

// Steps: their names, and what a recipe says about them.
#include <algorithm>
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

constexpr std::array kSteps = {
    StepEntry{"equalize", "evens out the channels of neighbouring convolutions; no data"},
    StepEntry{"smooth", "SmoothQuant: large inputs shrink, their weights grow; needs data"},
    StepEntry{"awq", "finer codes for the weights of large inputs; needs data"},
    StepEntry{"clip", "scales by the error they leave instead of by range; no data"},
    StepEntry{"hqq", "zero points of blocks by half-quadratic splitting; no data"},
    StepEntry{"gptq", "rounds one input after the other, errors moved to the rest; needs data"},
    StepEntry{"adaround", "decides between rounding up and down by gradients; needs data, slow"},
    StepEntry{"reconstruct", "moves single codes while the layer's output improves; needs data"},
    StepEntry{"bias", "biases that keep the mean of every output; needs data"},
};

bool Rounds(Step step) {
  return step == Step::kHqq || step == Step::kGptq || step == Step::kAdaRound;
}

Result<Step> ParseStep(std::string_view name) {
  std::array<std::string_view, kSteps.size()> names;
  std::string all;
  for (std::size_t i = 0; i < kSteps.size(); ++i) {
    names[i] = kSteps[i].name;
    if (names[i] == name) return static_cast<Step>(i);
    all += Format("{}{}", all.empty() ? "" : ", ", names[i]);
  }
  const std::string_view nearest = Nearest(name, names);
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown step \"{}\"{}", Printable(name),
                      nearest.empty() ? Format("; known: {}", all)
                                      : Format("; did you mean \"{}\"?", nearest)));
}

}  // namespace

std::string_view Name(Step step) {
  return kSteps[static_cast<std::size_t>(step)].name;
}

bool NeedsInputs(Step step) {
  return step != Step::kEqualize && step != Step::kClip && step != Step::kHqq;
}

std::span<const StepEntry> Steps() {
  return kSteps;
}

Result<std::vector<Step>> ParseSteps(std::span<const std::string> names) {
  std::vector<Step> steps;
  if (names.size() == 1 && names[0] == "none") return steps;
  for (const std::string& name : names) {
    QB_TRY(const Step step, ParseStep(name));
    steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  const auto first = std::find_if(steps.begin(), steps.end(), Rounds);
  if (first == steps.end()) return steps;
  const auto second = std::find_if(first + 1, steps.end(), Rounds);
  if (second == steps.end()) return steps;
  return Error(ErrorCode::kInvalidArgument,
               Format("steps {} and {} both choose the codes: take one of them", Name(*first),
                      Name(*second)));
}

bool Recovery::Has(Step step) const {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

bool Recovery::needs_inputs() const {
  return std::any_of(steps.begin(), steps.end(), NeedsInputs);
}

bool Recovery::rewrites() const {
  return Has(Step::kEqualize) || Has(Step::kSmooth) || Has(Step::kAwq);
}

std::string Recovery::LeaveOutInputs() {
  std::string names;
  for (const Step step : steps) {
    if (NeedsInputs(step)) names += Format("{}{}", names.empty() ? "" : ", ", Name(step));
  }
  std::erase_if(steps, NeedsInputs);
  return names;
}

Json Recovery::ToJson() const {
  Json names = Json::Array{};
  for (const Step step : steps) names.Append(std::string(Name(step)));
  return Json::MakeObject()
      .Set("steps", std::move(names))
      .Set("damping", damping)
      .Set("act_order", act_order);
}

Result<Recovery> Recovery::FromJson(const Json& json) {
  Recovery recovery;
  std::vector<std::string> names;
  for (const Json& name : json["steps"].AsArray()) names.push_back(name.AsString());
  QB_TRY(recovery.steps, ParseSteps(names));
  if (json.Has("damping")) recovery.damping = json["damping"].AsDouble();
  if (!(recovery.damping >= 0 && recovery.damping <= 10)) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("a damping of {} is not between 0 and 10", recovery.damping));
  }
  recovery.act_order = json["act_order"].AsBool();
  return recovery;
}

}  // namespace quantbench

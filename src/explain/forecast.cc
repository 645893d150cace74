// What curing a reason promises, from the layers of the same model that need no cure.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "quantbench/explain.h"

namespace quantbench {
namespace {

constexpr std::size_t kLeastHealthy = 3;  // layers of a family, to tell how one without fault runs

// What a layer is once its reason is gone.
enum class CuredAs : std::uint8_t { kUnknown, kFloat, kInteger };

CuredAs CuredLayer(ReasonKind kind) {
  switch (kind) {
    case ReasonKind::kDepthwiseInteger:
    case ReasonKind::kDynamicConvolution: return CuredAs::kFloat;
    case ReasonKind::kFewBitsAsFloats:
    case ReasonKind::kFusionBlocked:
    case ReasonKind::kFloat16Weights:
    case ReasonKind::kLeftFloat:
    case ReasonKind::kSignedActivations:
    case ReasonKind::kUnsignedWeights:
    case ReasonKind::kBlocksDecoded:
    case ReasonKind::kAround: return CuredAs::kInteger;
    default: return CuredAs::kUnknown;
  }
}

// Times of quantized over original layers, with what is around them: quartiles of those without a
// reason.
struct Healthy {
  double low = 0;
  double middle = 0;
  double high = 0;
};

using HealthyFamilies = std::map<LayerFamily, Healthy>;

double Quantile(const std::vector<double>& sorted, double p) {
  return sorted[static_cast<std::size_t>(std::lround(p * static_cast<double>(sorted.size() - 1)))];
}

HealthyFamilies FindHealthy(const std::vector<LayerTime>& layers) {
  std::map<LayerFamily, std::vector<double>> ratios;
  for (const LayerTime& layer : layers) {
    const bool healthy = layer.kind == ReasonKind::kNone && layer.what == OperatorClass::kInteger &&
                         layer.original_us > 0 && layer.quantized_us > 0;
    if (!healthy) continue;
    ratios[layer.family].push_back(layer.quantized_with_around_us() /
                                   layer.original_with_around_us());
  }
  HealthyFamilies families;
  for (auto& [family, values] : ratios) {
    if (values.size() < kLeastHealthy) continue;
    std::sort(values.begin(), values.end());
    families[family] = {Quantile(values, 0.25), Quantile(values, 0.5), Quantile(values, 0.75)};
  }
  return families;
}

std::optional<Forecast> CuredTime(const LayerTime& layer, const HealthyFamilies& families) {
  const CuredAs cured = CuredLayer(layer.kind);
  if (cured == CuredAs::kUnknown || layer.original_us <= 0) return std::nullopt;
  const double original = layer.original_with_around_us();
  if (cured == CuredAs::kFloat) {
    return Forecast{original, std::max(0.0, original - 2 * layer.error_us),
                    original + 2 * layer.error_us};
  }
  const auto healthy = families.find(layer.family);
  if (healthy == families.end()) return std::nullopt;
  return Forecast{original * healthy->second.middle, original * healthy->second.low,
                  original * healthy->second.high};
}

void Add(const Forecast& more, std::optional<Forecast>* sum) {
  if (!*sum) *sum = Forecast{};
  (*sum)->us += more.us;
  (*sum)->low_us += more.low_us;
  (*sum)->high_us += more.high_us;
}

}  // namespace

std::string_view Name(LayerFamily family) {
  switch (family) {
    case LayerFamily::kProduct: return "product";
    case LayerFamily::kConvolution: return "convolution";
    case LayerFamily::kDepthwise: return "depthwise convolution";
    case LayerFamily::kRecurrence: break;
  }
  return "recurrence";
}

void Forecasts(SpeedExplanation* explanation) {
  const HealthyFamilies families = FindHealthy(explanation->layers);
  std::map<ReasonKind, Blame> blames;
  std::set<ReasonKind> forecast;  // with one for a layer at least
  std::optional<Forecast> run;
  for (const LayerTime& layer : explanation->layers) {
    if (layer.kind == ReasonKind::kNone) continue;
    Blame& blame = blames[layer.kind];
    blame.kind = layer.kind;
    ++blame.layers;
    blame.original_us += layer.original_with_around_us();
    blame.quantized_us += layer.quantized_with_around_us();
    if (blame.cure.empty()) blame.cure = layer.cure;
    const auto cured = CuredTime(layer, families);
    const double now = layer.quantized_with_around_us();
    // A layer without a forecast stays as it is.
    Add(cured.value_or(Forecast{now, now, now}), &blame.cured_us);
    if (!cured) continue;
    forecast.insert(layer.kind);
    Add({cured->us - now, cured->low_us - now, cured->high_us - now}, &run);
  }
  explanation->blames.clear();
  for (auto& [kind, blame] : blames) {
    if (!forecast.contains(kind)) blame.cured_us.reset();
    explanation->blames.push_back(std::move(blame));
  }
  std::stable_sort(explanation->blames.begin(), explanation->blames.end(),
                   [](const Blame& a, const Blame& b) { return a.quantized_us > b.quantized_us; });
  if (run) {
    const double now = explanation->quantized.plain_run_us();
    Add({now, now, now}, &run);
  }
  explanation->cured_run_us = run;
}

}  // namespace quantbench

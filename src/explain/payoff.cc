// What pays on a device: layers under recipes, grouped by shape.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "quantbench/base/format.h"
#include "quantbench/explain.h"

namespace quantbench {
namespace {

// The power of four at or below it; at least 1.
std::int64_t PowerOfFour(std::int64_t value) {
  std::int64_t power = 1;
  while (power <= value / 4) power *= 4;
  return power;
}

// Between order statistics linearly.
double QuartileOf(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - std::floor(place));
}

Result<LayerFamily> ParseFamily(std::string_view name) {
  for (const LayerFamily family : {LayerFamily::kProduct, LayerFamily::kConvolution,
                                   LayerFamily::kDepthwise, LayerFamily::kRecurrence}) {
    if (Name(family) == name) return family;
  }
  return Error(ErrorCode::kMalformed, Format("unknown family \"{}\"", Printable(name)));
}

}  // namespace

Json Payoff::ToJson() const {
  return Json::MakeObject()
      .Set("model", model)
      .Set("layer", layer)
      .Set("recipe", recipe)
      .Set("family", Name(family))
      .Set("terms", terms)
      .Set("channels", channels)
      .Set("positions", positions)
      .Set("threads", threads)
      .Set("speedup", speedup)
      .Set("kernels", kernels);
}

Result<Payoff> Payoff::FromJson(const Json& json) {
  Payoff row;
  QB_TRY(row.family, ParseFamily(json["family"].AsString()));
  QB_TRY(row.speedup, json.RequireDouble("speedup", "payoff"));
  QB_TRY(row.terms, json.RequireInt("terms", "payoff"));
  QB_TRY(row.channels, json.RequireInt("channels", "payoff"));
  QB_TRY(row.positions, json.RequireInt("positions", "payoff"));
  const bool sound = std::isfinite(row.speedup) && row.speedup > 0 && row.terms > 0 &&
                     row.channels > 0 && row.positions > 0;
  if (!sound) return Error(ErrorCode::kMalformed, "payoff: a number is not positive");
  row.model = json["model"].AsString();
  row.layer = json["layer"].AsString();
  row.recipe = json["recipe"].AsString();
  row.threads = json["threads"].AsInt(1);
  row.kernels = json["kernels"].AsString();
  return row;
}

std::vector<Payoff> PayoffsOf(const SpeedExplanation& told, const std::string& model,
                              const std::string& recipe, std::int64_t threads) {
  std::vector<Payoff> rows;
  for (const LayerTime& layer : told.layers) {
    const bool same = layer.kind == ReasonKind::kLeftFloat || layer.kind == ReasonKind::kMissing ||
                      layer.original == layer.quantized;
    const double now = layer.quantized_with_around_us();
    const double before = layer.original_with_around_us();
    if (same || layer.original.empty() || !(now > 0) || !(before > 0) || layer.terms == 0) continue;
    rows.push_back({model, layer.layer, recipe, layer.family, layer.terms, layer.channels,
                    layer.positions, threads, before / now, layer.quantized});
  }
  return rows;
}

void MergePayoffs(std::vector<Payoff> more, std::vector<Payoff>* known) {
  std::erase_if(*known, [&](const Payoff& old) {
    return std::any_of(more.begin(), more.end(), [&](const Payoff& row) {
      return row.model == old.model && row.recipe == old.recipe && row.threads == old.threads;
    });
  });
  for (Payoff& row : more) known->push_back(std::move(row));
}

const PayoffClass::Outcome* PayoffClass::best() const {
  const Outcome* best = nullptr;
  for (const Outcome& outcome : outcomes) {
    if (outcome.low > 1 && (best == nullptr || outcome.median > best->median)) best = &outcome;
  }
  return best;
}

std::vector<PayoffClass> ClassifyPayoffs(const std::vector<Payoff>& payoffs) {
  using Key = std::tuple<LayerFamily, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  std::map<Key, std::map<std::string, std::vector<double>>> speedups;
  for (const Payoff& row : payoffs) {
    speedups[{row.family, row.threads, PowerOfFour(row.terms), PowerOfFour(row.channels),
              PowerOfFour(row.positions)}][row.recipe]
        .push_back(row.speedup);
  }
  std::vector<PayoffClass> classes;
  for (auto& [key, recipes] : speedups) {
    PayoffClass group;
    std::tie(group.family, group.threads, group.terms_from, group.channels_from,
             group.positions_from) = key;
    for (auto& [recipe, values] : recipes) {
      std::sort(values.begin(), values.end());
      group.outcomes.push_back({recipe, std::ssize(values), QuartileOf(values, 0.25),
                                QuartileOf(values, 0.5), QuartileOf(values, 0.75)});
    }
    classes.push_back(std::move(group));
  }
  return classes;
}

}  // namespace quantbench

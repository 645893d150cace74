// Session options: names and JSON.
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/engine.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"none", "basic", "extended", "all"};

}  // namespace

std::string_view Name(GraphOptimization level) {
  return kLevels[static_cast<std::size_t>(level)];
}

Result<GraphOptimization> ParseGraphOptimization(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<GraphOptimization>(i);
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("\"{}\" is not a graph optimization level (none, basic, extended, all)",
                      Printable(name)));
}

Json SessionOptions::ToJson() const {
  Json entries = Json::MakeObject();
  for (const auto& [key, value] : config) entries.Set(key, value);
  return Json::MakeObject()
      .Set("threads", threads)
      .Set("optimization", Name(optimization))
      .Set("config", std::move(entries));
}

Result<SessionOptions> SessionOptions::FromJson(const Json& json) {
  SessionOptions options;
  options.threads = static_cast<int>(json["threads"].AsInt(options.threads));
  if (json.Has("optimization")) {
    QB_TRY(options.optimization, ParseGraphOptimization(json["optimization"].AsString()));
  }
  for (const auto& [key, value] : json["config"].AsObject()) options.config[key] = value.AsString();
  return options;
}

}  // namespace quantbench

// Settings of calibrating as JSON.
#include "quantbench/calibrate.h"

namespace quantbench {

Json CalibrationSettings::ToJson() const {
  return Json::MakeObject()
      .Set("samples", samples)
      .Set("until_stable", until_stable)
      .Set("observer", Name(observer.observer))
      .Set("observer_asked", observer_asked)
      .Set("percentile", observer.percentile)
      .Set("levels", observer.levels)
      .Set("memory", memory_bytes);
}

Result<CalibrationSettings> CalibrationSettings::FromJson(const Json& json) {
  CalibrationSettings settings;
  QB_TRY(settings.observer.observer, ParseObserver(json["observer"].AsString()));
  QB_TRY(settings.samples, json.RequireInt("samples", "calibration settings"));
  QB_TRY(settings.observer.percentile, json.RequireDouble("percentile", "calibration settings"));
  QB_TRY(settings.observer.levels, json.RequireInt("levels", "calibration settings"));
  QB_TRY(const std::int64_t memory, json.RequireInt("memory", "calibration settings"));
  settings.memory_bytes = static_cast<std::uint64_t>(memory);
  settings.until_stable = json["until_stable"].AsBool();
  settings.observer_asked = json["observer_asked"].AsBool();
  return settings;
}

}  // namespace quantbench

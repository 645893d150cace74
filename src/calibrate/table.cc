// The calibration table as JSON.
#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

namespace quantbench {

Json CalibrationTable::ToJson() const {
  Json entries = Json::MakeObject();
  for (const auto& [name, range] : ranges) {
    entries.Set(name, Json::MakeObject()
                          .Set("min", range.min)
                          .Set("max", range.max)
                          .Set("count", range.count)
                          .Set("nonfinite", range.nonfinite)
                          .Set("type", Name(range.type))
                          .Set("shape", Json::List(range.shape)));
  }
  return Json::MakeObject()
      .Set("observer", observer)
      .Set("source", source)
      .Set("samples", samples)
      .Set("ranges", std::move(entries));
}

Result<CalibrationTable> CalibrationTable::FromJson(const Json& json) {
  CalibrationTable table;
  QB_TRY(table.observer, json.RequireString("observer", "calibration table"));
  table.source = json["source"].AsString();
  table.samples = json["samples"].AsInt();
  for (const auto& [name, entry] : json["ranges"].AsObject()) {
    const std::string where = Format("calibration table, tensor \"{}\"", Printable(name));
    TensorRange range;
    QB_TRY(range.min, entry.RequireDouble("min", where));
    QB_TRY(range.max, entry.RequireDouble("max", where));
    QB_TRY(range.type, ParseDataType(entry["type"].AsString()));
    range.count = entry["count"].AsInt();
    range.nonfinite = entry["nonfinite"].AsInt();
    for (const Json& dim : entry["shape"].AsArray()) range.shape.push_back(dim.AsInt());
    if (range.min > range.max) {
      return Error(ErrorCode::kMalformed, Format("{}: min is above max", where));
    }
    table.ranges.emplace(name, std::move(range));
  }
  return table;
}

}  // namespace quantbench

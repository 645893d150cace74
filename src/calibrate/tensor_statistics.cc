// Statistics of tensors: merging, and their form in a file.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

// The bins from the first to the last that are not empty: [first, count, count, ...].
Json BinsToJson(const std::vector<std::int64_t>& bins) {
  const auto is_used = [](std::int64_t n) { return n != 0; };
  const auto first = std::find_if(bins.begin(), bins.end(), is_used);
  if (first == bins.end()) return Json::Array{};
  const auto last = std::find_if(bins.rbegin(), bins.rend(), is_used).base();
  Json json = Json::Array{};
  json.Append(static_cast<std::int64_t>(first - bins.begin()));
  for (auto bin = first; bin != last; ++bin) json.Append(*bin);
  return json;
}

Result<std::vector<std::int64_t>> BinsFromJson(const Json& json, std::string_view where) {
  const Json::Array& list = json.AsArray();
  if (list.empty()) return std::vector<std::int64_t>();
  std::vector<std::int64_t> bins(Histogram::kBins, 0);
  const std::int64_t first = list[0].AsInt(-1);
  for (std::size_t i = 1; i < list.size(); ++i) {
    const std::int64_t bin = first + static_cast<std::int64_t>(i) - 1;
    if (bin < 0 || bin >= Histogram::kBins || list[i].AsInt(-1) < 0) {
      return Error(ErrorCode::kMalformed, Format("{}: its histogram is not one", where));
    }
    bins[static_cast<std::size_t>(bin)] = list[i].AsInt();
  }
  return bins;
}

Result<Histogram> HistogramFromJson(const Json& json, std::string_view where) {
  Histogram histogram;
  if (json.is_null()) return histogram;
  histogram.exponent = static_cast<int>(json["exponent"].AsInt(Histogram::kNoExponent));
  if (histogram.exponent < -126 || histogram.exponent > 117) {
    return Error(ErrorCode::kMalformed, Format("{}: its histogram is not one", where));
  }
  QB_TRY(histogram.positive, BinsFromJson(json["positive"], where));
  QB_TRY(histogram.negative, BinsFromJson(json["negative"], where));
  return histogram;
}

Json SkippedToJson(const std::vector<SkippedSample>& skipped) {
  Json json = Json::Array{};
  for (const SkippedSample& sample : skipped) {
    json.Append(Json::MakeObject().Set("sample", sample.index).Set("reason", sample.reason));
  }
  return json;
}

std::vector<SkippedSample> SkippedFromJson(const Json& json) {
  std::vector<SkippedSample> skipped;
  for (const Json& sample : json.AsArray()) {
    skipped.push_back({sample["sample"].AsInt(), sample["reason"].AsString()});
  }
  return skipped;
}

Result<TensorRange> RangeFromJson(const Json& entry, std::string_view where) {
  TensorRange range;
  QB_TRY(range.min, entry.RequireDouble("min", where));
  QB_TRY(range.max, entry.RequireDouble("max", where));
  QB_TRY(range.type, ParseDataType(entry["type"].AsString()));
  range.count = entry["count"].AsInt();
  range.nonfinite = entry["nonfinite"].AsInt();
  range.nonfinite_in = entry["nonfinite_in"].AsString();
  range.denormals = entry["denormals"].AsInt();
  for (const Json& dim : entry["shape"].AsArray()) range.shape.push_back(dim.AsInt());
  if (range.min > range.max) {
    return Error(ErrorCode::kMalformed, Format("{}: min is above max", where));
  }
  return range;
}

}  // namespace

void TensorStatistics::Merge(const TensorStatistics& other) {
  if (type == DataType::kUndefined) {
    type = other.type;
    shape = other.shape;
  }
  if (nonfinite_in.empty()) nonfinite_in = other.nonfinite_in;
  if (other.finite_samples > 0) {
    min = finite_samples > 0 ? std::min(min, other.min) : other.min;
    max = finite_samples > 0 ? std::max(max, other.max) : other.max;
  }
  samples += other.samples;
  count += other.count;
  nonfinite += other.nonfinite;
  zeros += other.zeros;
  denormals += other.denormals;
  finite_samples += other.finite_samples;
  low.Merge(other.low);
  high.Merge(other.high);
  histogram.Merge(other.histogram);
}

Json TensorStatistics::ToJson() const {
  Json json = Json::MakeObject()
                  .Set("type", Name(type))
                  .Set("shape", Json::List(shape))
                  .Set("samples", samples)
                  .Set("count", count)
                  .Set("nonfinite", nonfinite)
                  .Set("zeros", zeros)
                  .Set("denormals", denormals)
                  .Set("min", min)
                  .Set("max", max)
                  .Set("finite_samples", finite_samples)
                  .Set("low", low.ToJson())
                  .Set("high", high.ToJson());
  if (nonfinite > 0) json.Set("nonfinite_in", nonfinite_in);
  if (has_histogram()) {
    json.Set("histogram", Json::MakeObject()
                              .Set("exponent", histogram.exponent)
                              .Set("positive", BinsToJson(histogram.positive))
                              .Set("negative", BinsToJson(histogram.negative)));
  }
  return json;
}

Result<TensorStatistics> TensorStatistics::FromJson(const Json& json, std::string_view where) {
  TensorStatistics seen;
  QB_TRY(seen.type, ParseDataType(json["type"].AsString()));
  for (const Json& dim : json["shape"].AsArray()) seen.shape.push_back(dim.AsInt());
  QB_TRY(seen.samples, json.RequireInt("samples", where));
  QB_TRY(seen.count, json.RequireInt("count", where));
  QB_TRY(seen.min, json.RequireDouble("min", where));
  QB_TRY(seen.max, json.RequireDouble("max", where));
  seen.nonfinite = json["nonfinite"].AsInt();
  seen.nonfinite_in = json["nonfinite_in"].AsString();
  seen.zeros = json["zeros"].AsInt();
  seen.denormals = json["denormals"].AsInt();
  seen.finite_samples = json["finite_samples"].AsInt();
  QB_TRY(seen.low, ExactSum::FromJson(json["low"]));
  QB_TRY(seen.high, ExactSum::FromJson(json["high"]));
  QB_TRY(seen.histogram, HistogramFromJson(json["histogram"], where));
  if (!std::isfinite(seen.min) || !std::isfinite(seen.max) || seen.min > seen.max) {
    return Error(ErrorCode::kMalformed, Format("{}: min is above max, or neither a number", where));
  }
  return seen;
}

Json CalibrationStatistics::ToJson() const {
  Json list = Json::MakeObject();
  for (const auto& [name, seen] : tensors) list.Set(name, seen.ToJson());
  Json last_look = Json::MakeObject();
  for (const auto& [name, range] : looked) {
    last_look.Set(name, Json::MakeObject().Set("low", range.first).Set("high", range.second));
  }
  return Json::MakeObject()
      .Set("source", source)
      .Set("samples", samples)
      .Set("histograms", histograms)
      .Set("stable", stable)
      .Set("drift", drift)
      .Set("pass", pass)
      .Set("position", position)
      .Set("skipped", SkippedToJson(skipped))
      .Set("tensors", std::move(list))
      .Set("looked", std::move(last_look));
}

Result<CalibrationStatistics> CalibrationStatistics::FromJson(const Json& json) {
  CalibrationStatistics all;
  all.source = json["source"].AsString();
  QB_TRY(all.samples, json.RequireInt("samples", "calibration statistics"));
  all.histograms = json["histograms"].AsBool();
  all.stable = json["stable"].AsBool();
  all.drift = json["drift"].AsDouble();
  all.pass = json["pass"].AsInt();
  all.position = json["position"].AsInt();
  all.skipped = SkippedFromJson(json["skipped"]);
  for (const auto& [name, entry] : json["tensors"].AsObject()) {
    const std::string where = Format("calibration statistics, tensor \"{}\"", Printable(name));
    QB_TRY(TensorStatistics seen, TensorStatistics::FromJson(entry, where));
    all.tensors.emplace(name, std::move(seen));
  }
  for (const auto& [name, range] : json["looked"].AsObject()) {
    all.looked.emplace(name, std::pair{range["low"].AsDouble(), range["high"].AsDouble()});
  }
  return all;
}

Json CalibrationTable::ToJson() const {
  Json entries = Json::MakeObject();
  for (const auto& [name, range] : ranges) {
    Json entry = Json::MakeObject()
                     .Set("min", range.min)
                     .Set("max", range.max)
                     .Set("count", range.count)
                     .Set("nonfinite", range.nonfinite)
                     .Set("denormals", range.denormals)
                     .Set("type", Name(range.type))
                     .Set("shape", Json::List(range.shape));
    if (range.nonfinite > 0) entry.Set("nonfinite_in", range.nonfinite_in);
    entries.Set(name, std::move(entry));
  }
  return Json::MakeObject()
      .Set("observer", observer)
      .Set("source", source)
      .Set("samples", samples)
      .Set("stable", stable)
      .Set("skipped", SkippedToJson(skipped))
      .Set("ranges", std::move(entries));
}

Result<CalibrationTable> CalibrationTable::FromJson(const Json& json) {
  CalibrationTable table;
  QB_TRY(table.observer, json.RequireString("observer", "calibration table"));
  table.source = json["source"].AsString();
  table.samples = json["samples"].AsInt();
  table.stable = json["stable"].AsBool();
  table.skipped = SkippedFromJson(json["skipped"]);
  for (const auto& [name, entry] : json["ranges"].AsObject()) {
    const std::string where = Format("calibration table, tensor \"{}\"", Printable(name));
    QB_TRY(TensorRange range, RangeFromJson(entry, where));
    table.ranges.emplace(name, std::move(range));
  }
  return table;
}

}  // namespace quantbench

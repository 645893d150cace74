// Predictions as JSON, for worker messages and records.
#include <algorithm>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

template <typename T>
std::vector<T> NumbersOf(const Json& json) {
  std::vector<T> numbers;
  numbers.reserve(json.AsArray().size());
  for (const Json& value : json.AsArray()) {
    if constexpr (std::is_floating_point_v<T>) {
      numbers.push_back(value.AsDouble(std::numeric_limits<T>::quiet_NaN()));
    } else {
      numbers.push_back(static_cast<T>(value.AsInt()));
    }
  }
  return numbers;
}

// Empty lists are left out.
template <typename T>
void SetList(std::string_view key, const std::vector<T>& values, Json* json) {
  if (!values.empty()) json->Set(key, Json::List(values));
}

Json BoxToJson(const Box& box) {
  return Json(Json::Array{box.label, box.left, box.top, box.width, box.height});
}

Box BoxFromJson(const Json& json) {
  const Json::Array& values = json.AsArray();
  if (values.size() < 5) return {};
  return {static_cast<std::int32_t>(values[0].AsInt()),
          values[1].AsDouble(),
          values[2].AsDouble(),
          values[3].AsDouble(),
          values[4].AsDouble(),
          false};
}

Json DetectionsToJson(const std::vector<std::vector<Detection>>& samples) {
  Json all = Json::Array{};
  for (const auto& sample : samples) {
    Json list = Json::Array{};
    for (const Detection& detection : sample) {
      Json box = BoxToJson(detection.box);
      box.Append(detection.score);
      list.Append(std::move(box));
    }
    all.Append(std::move(list));
  }
  return all;
}

Json ObjectsToJson(const std::vector<std::vector<Box>>& samples) {
  Json all = Json::Array{};
  for (const auto& sample : samples) {
    Json list = Json::Array{};
    for (const Box& object : sample) {
      Json box = BoxToJson(object);
      box.Append(object.crowd);
      list.Append(std::move(box));
    }
    all.Append(std::move(list));
  }
  return all;
}

void DetectionsFromJson(const Json& json, Predictions* predictions) {
  for (const Json& sample : json["detections"].AsArray()) {
    std::vector<Detection>& list = predictions->detections.emplace_back();
    for (const Json& box : sample.AsArray()) {
      const Json::Array& values = box.AsArray();
      list.push_back({BoxFromJson(box), values.size() > 5 ? values[5].AsDouble() : 0});
    }
  }
  for (const Json& sample : json["objects"].AsArray()) {
    std::vector<Box>& list = predictions->objects.emplace_back();
    for (const Json& box : sample.AsArray()) {
      const Json::Array& values = box.AsArray();
      list.push_back(BoxFromJson(box));
      list.back().crowd = values.size() > 5 && values[5].AsBool();
    }
  }
}

// Whether lists that exist have one entry a row, or a sample, and row ends rise to the last row.
bool Consistent(const Predictions& p) {
  const auto fits = [](const auto& list, std::int64_t n) {
    return list.empty() || static_cast<std::int64_t>(list.size()) == n;
  };
  const bool by_row = static_cast<std::int64_t>(p.classes.size()) == p.rows &&
                      fits(p.labels, p.rows) && fits(p.ranks, p.rows);
  const bool by_sample = fits(p.row_ends, p.samples) && fits(p.streams, p.samples) &&
                         fits(p.nll, p.samples) && fits(p.edits, p.samples) &&
                         fits(p.words, p.samples) && fits(p.detections, p.samples) &&
                         fits(p.objects, p.samples) && fits(p.kl, p.samples);
  const bool ends = p.row_ends.empty() || (std::is_sorted(p.row_ends.begin(), p.row_ends.end()) &&
                                           p.row_ends.front() >= 0 && p.row_ends.back() == p.rows);
  const bool rows = p.row_ends.empty() ? p.rows == 0 || p.rows == p.samples : ends;
  return p.samples >= 0 && by_row && by_sample && rows && p.edits.size() == p.words.size() &&
         p.detections.size() == p.objects.size();
}

}  // namespace

std::int64_t Predictions::Correct() const {
  std::int64_t correct = 0;
  for (std::size_t row = 0; row < std::min(classes.size(), labels.size()); ++row) {
    correct += classes[row] == labels[row] ? 1 : 0;
  }
  return correct;
}

std::int64_t Predictions::FirstRow(std::int64_t sample) const {
  if (row_ends.empty()) return sample;
  return sample == 0 ? 0 : row_ends[static_cast<std::size_t>(sample - 1)];
}

std::int64_t Predictions::RowsOf(std::int64_t sample) const {
  if (row_ends.empty()) return rows == 0 ? 0 : 1;
  return row_ends[static_cast<std::size_t>(sample)] - FirstRow(sample);
}

Json Predictions::ToJson() const {
  Json json = Json::MakeObject()
                  .Set("task", Name(task))
                  .Set("samples", samples)
                  .Set("rows", rows)
                  .Set("output", output)
                  .Set("classes", Json::List(classes))
                  .Set("labels", Json::List(labels));
  SetList("ranks", ranks, &json);
  SetList("row_ends", row_ends, &json);
  SetList("streams", streams, &json);
  SetList("nll", nll, &json);
  SetList("edits", edits, &json);
  SetList("words", words, &json);
  SetList("kl", kl, &json);
  if (sqnr_db) json.Set("sqnr_db", *sqnr_db).Set("exact", *sqnr_db > 1e300);
  if (task == Task::kDetect) {
    json.Set("detections", DetectionsToJson(detections)).Set("objects", ObjectsToJson(objects));
  }
  Json left_out = Json::Array{};
  for (const BadSample& sample : bad) {
    left_out.Append(Json::MakeObject().Set("index", sample.index).Set("reason", sample.reason));
  }
  return json.Set("bad", std::move(left_out)).Set("stopped", stopped);
}

Result<Predictions> Predictions::FromJson(const Json& json) {
  Predictions predictions;
  if (json.Has("task")) {
    QB_TRY(predictions.task, ParseTask(json["task"].AsString()));
  }
  predictions.samples = json["samples"].AsInt();
  predictions.rows = json["rows"].AsInt();
  predictions.output = json["output"].AsString();
  predictions.classes = NumbersOf<std::int32_t>(json["classes"]);
  predictions.labels = NumbersOf<std::int32_t>(json["labels"]);
  predictions.ranks = NumbersOf<std::int32_t>(json["ranks"]);
  predictions.row_ends = NumbersOf<std::int64_t>(json["row_ends"]);
  predictions.streams = NumbersOf<std::int64_t>(json["streams"]);
  predictions.nll = NumbersOf<double>(json["nll"]);
  predictions.edits = NumbersOf<double>(json["edits"]);
  predictions.words = NumbersOf<double>(json["words"]);
  predictions.kl = NumbersOf<double>(json["kl"]);
  if (json["exact"].AsBool()) {
    predictions.sqnr_db = std::numeric_limits<double>::infinity();
  } else if (json["sqnr_db"].is_number()) {
    predictions.sqnr_db = json["sqnr_db"].AsDouble();
  }
  DetectionsFromJson(json, &predictions);
  for (const Json& sample : json["bad"].AsArray()) {
    predictions.bad.push_back({sample["index"].AsInt(), sample["reason"].AsString()});
  }
  predictions.stopped = json["stopped"].AsBool();
  if (!Consistent(predictions)) {
    return Error(ErrorCode::kMalformed, "predictions: rows, classes and labels do not match");
  }
  return predictions;
}

}  // namespace quantbench

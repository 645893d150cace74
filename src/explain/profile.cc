// ONNX Runtime's profile: what it writes of every operator, made a mean a run.
#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "quantbench/base/format.h"
#include "quantbench/explain.h"

namespace quantbench {
namespace {

constexpr std::string_view kKernelSuffix = "_kernel_time";
constexpr std::string_view kRunEvent = "model_run";

// Names that the profiler writes [ONNX Runtime, DataTypeImpl::ToString] beside ours.
struct ProfilerType {
  std::string_view name;
  DataType type;
};
constexpr auto kProfilerTypes = std::to_array<ProfilerType>({
    {"float", DataType::kFloat32},
    {"double", DataType::kFloat64},
    {"Int4x2", DataType::kInt4},
    {"UInt4x2", DataType::kUint4},
});

DataType TypeNamed(const std::string& name) {
  for (const ProfilerType& entry : kProfilerTypes) {
    if (entry.name == name) return entry.type;
  }
  const auto parsed = ParseDataType(name);
  return parsed.ok() ? parsed.value() : DataType::kUndefined;
}

// [{"float": [1, 3]}, ...].
std::vector<ValueFacts> ValuesIn(const Json& list) {
  std::vector<ValueFacts> values;
  for (const Json& entry : list.AsArray()) {
    ValueFacts value;
    for (const auto& [type, dims] : entry.AsObject()) {
      value.type = TypeNamed(type);
      value.shape.emplace();
      for (const Json& dim : dims.AsArray()) value.shape->push_back(dim.AsInt());
    }
    values.push_back(std::move(value));
  }
  return values;
}

// Interruptions only lengthen: the slowest fifth is left out. Whole microseconds average out.
double MeanOfFastest(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  values.resize(std::max<std::size_t>(1, values.size() * 4 / 5));
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Collects the calls of every operator.
class ProfileReader {
 public:
  explicit ProfileReader(std::int64_t skip) : skip_(skip) {}

  // Operators of a run come before the event of the run.
  void Add(const Json& event) {
    const std::string& name = event["name"].AsString();
    const double us = event["dur"].AsDouble();
    const std::string& category = event["cat"].AsString();
    if (category == "Session" && name == kRunEvent) return EndRun(us);
    if (category != "Node" || !name.ends_with(kKernelSuffix) || !(us >= 0)) return;
    pending_.push_back(&event);
  }

  Result<ModelProfile> Finish() {
    if (runs_.empty()) return Error(ErrorCode::kMalformed, "the profile holds no run");
    profile_.runs = static_cast<std::int64_t>(runs_.size());
    profile_.run_us = MeanOfFastest(runs_);
    for (std::size_t i = 0; i < profile_.operators.size(); ++i) {
      ProfiledOperator& op = profile_.operators[i];
      op.calls = static_cast<double>(calls_[i].size()) / static_cast<double>(profile_.runs);
      op.us = MeanOfFastest(calls_[i]) * op.calls;
    }
    return std::move(profile_);
  }

 private:
  void EndRun(double us) {
    const bool counts = seen_++ >= skip_;
    if (counts) runs_.push_back(us);
    for (const Json* event : pending_) {
      if (counts) AddCall(*event);
    }
    pending_.clear();
  }

  void AddCall(const Json& event) {
    std::string name = event["name"].AsString();
    name.resize(name.size() - kKernelSuffix.size());
    const auto [entry, is_new] = places_.emplace(name, profile_.operators.size());
    if (is_new) {
      const Json& args = event["args"];
      profile_.operators.push_back({std::move(name), args["op_name"].AsString(),
                                    ValuesIn(args["input_type_shape"]),
                                    ValuesIn(args["output_type_shape"])});
      calls_.emplace_back();
    }
    calls_[entry->second].push_back(event["dur"].AsDouble());
  }

  std::int64_t skip_;
  std::int64_t seen_ = 0;
  std::vector<const Json*> pending_;
  ModelProfile profile_;
  std::vector<std::vector<double>> calls_;  // of every operator
  std::vector<double> runs_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

Json ValuesToJson(const std::vector<ValueFacts>& values) {
  Json list = Json::Array{};
  for (const ValueFacts& value : values) {
    list.Append(
        Json::MakeObject().Set(Name(value.type), Json::List(value.shape.value_or(Shape()))));
  }
  return list;
}

}  // namespace

double ModelProfile::operators_us() const {
  double sum = 0;
  for (const ProfiledOperator& op : operators) sum += op.us;
  return sum;
}

Result<ModelProfile> ReadProfile(const Json& events, std::int64_t skip) {
  ProfileReader reader(skip);
  for (const Json& event : events.AsArray()) reader.Add(event);
  return reader.Finish();
}

Json ModelProfile::ToJson() const {
  Json list = Json::Array{};
  for (const ProfiledOperator& op : operators) {
    list.Append(Json::MakeObject()
                    .Set("name", op.name)
                    .Set("op", op.op_type)
                    .Set("us", op.us)
                    .Set("calls", op.calls)
                    .Set("inputs", ValuesToJson(op.inputs))
                    .Set("outputs", ValuesToJson(op.outputs)));
  }
  return Json::MakeObject()
      .Set("runs", runs)
      .Set("run_us", run_us)
      .Set("operators", std::move(list));
}

Result<ModelProfile> ModelProfile::FromJson(const Json& json) {
  ModelProfile profile;
  QB_TRY(profile.runs, json.RequireInt("runs", "profile"));
  QB_TRY(profile.run_us, json.RequireDouble("run_us", "profile"));
  for (const Json& entry : json["operators"].AsArray()) {
    ProfiledOperator op;
    op.name = entry["name"].AsString();
    op.op_type = entry["op"].AsString();
    op.us = entry["us"].AsDouble();
    op.calls = entry["calls"].AsDouble();
    op.inputs = ValuesIn(entry["inputs"]);
    op.outputs = ValuesIn(entry["outputs"]);
    profile.operators.push_back(std::move(op));
  }
  return profile;
}

}  // namespace quantbench

// ONNX Runtime's profile: what it writes of every operator, made a mean a run.
#include <algorithm>
#include <array>
#include <cmath>
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

// Collects the calls of every operator.
class ProfileReader {
 public:
  explicit ProfileReader(std::int64_t skip) : skip_(skip) {}

  // Operators of a run come before the event of the run.
  void Add(const Json& event) {
    const std::string& name = event["name"].AsString();
    const double us = event["dur"].AsDouble();
    const std::string& category = event["cat"].AsString();
    if (category == "Session" && name == kRunEvent) return EndRun(event);
    if (category != "Node" || !name.ends_with(kKernelSuffix) || !(us >= 0)) return;
    pending_.push_back(&event);
  }

  Result<ModelProfile> Finish() {
    if (profile_.runs == 0) return Error(ErrorCode::kMalformed, "the profile holds no run");
    const auto runs = static_cast<double>(profile_.runs);
    for (std::size_t i = 0; i < profile_.operators.size(); ++i) {
      ProfiledOperator& op = profile_.operators[i];
      op.calls = static_cast<double>(calls_[i].size()) / runs;
      op.us = MeanOfFastest(calls_[i], &op.error_us) * op.calls;
      op.error_us *= op.calls;
    }
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
      const double us = MeanOfFastest(gaps_[i]) * static_cast<double>(gaps_[i].size()) / runs;
      profile_.between_us += us;
      if (i > 0 && i <= order_.size()) profile_.operators[order_[i - 1]].after_us += us;
    }
    return std::move(profile_);
  }

 private:
  void EndRun(const Json& run) {
    if (seen_++ >= skip_) {
      ++profile_.runs;
      profile_.engine = run["args"]["engine"].AsString();
      for (const Json* event : pending_) AddCall(*event);
      AddGaps(run);
    }
    pending_.clear();
  }

  void AddGaps(const Json& run) {
    gaps_.resize(std::max(gaps_.size(), pending_.size() + 1));
    double done = run["ts"].AsDouble();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const Json& event = *pending_[i];
      gaps_[i].push_back(std::max(0.0, event["ts"].AsDouble() - done));
      done = std::max(done, event["ts"].AsDouble() + event["dur"].AsDouble());
    }
    const double end = run["ts"].AsDouble() + run["dur"].AsDouble();
    gaps_[pending_.size()].push_back(std::max(0.0, end - done));
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
      profile_.operators.back().macs = args["macs"].AsInt(-1);
      calls_.emplace_back();
    }
    calls_[entry->second].push_back(event["dur"].AsDouble());
    if (profile_.runs == 1) order_.push_back(entry->second);
  }

  std::int64_t skip_;
  std::int64_t seen_ = 0;
  std::vector<const Json*> pending_;
  ModelProfile profile_;
  std::vector<std::vector<double>> calls_;  // of every operator
  std::vector<std::vector<double>> gaps_;   // before the first operator, ..., after the last
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<std::size_t> order_;  // the operators of the first run, one an execution
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

double MeanOfFastest(std::vector<double> times, double* error) {
  if (error != nullptr) *error = 0;
  if (times.empty()) return 0;
  std::sort(times.begin(), times.end());
  times.resize((times.size() + 3) / 4);  // whole microseconds average out
  const auto n = static_cast<double>(times.size());
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / n;
  if (error != nullptr && times.size() > 1) {
    double squares = 0;
    for (const double time : times) squares += (time - mean) * (time - mean);
    *error = std::sqrt(squares / (n - 1) / n);
  }
  return mean;
}

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
                    .Set("error_us", op.error_us)
                    .Set("calls", op.calls)
                    .Set("after_us", op.after_us)
                    .Set("macs", op.macs)
                    .Set("inputs", ValuesToJson(op.inputs))
                    .Set("outputs", ValuesToJson(op.outputs)));
  }
  return Json::MakeObject()
      .Set("runs", runs)
      .Set("between_us", between_us)
      .Set("engine", engine)
      .Set("operators", std::move(list));
}

Result<ModelProfile> ModelProfile::FromJson(const Json& json) {
  ModelProfile profile;
  QB_TRY(profile.runs, json.RequireInt("runs", "profile"));
  QB_TRY(profile.between_us, json.RequireDouble("between_us", "profile"));
  profile.engine = json["engine"].AsString();
  for (const Json& entry : json["operators"].AsArray()) {
    ProfiledOperator op;
    op.name = entry["name"].AsString();
    op.op_type = entry["op"].AsString();
    op.us = entry["us"].AsDouble();
    op.error_us = entry["error_us"].AsDouble();
    op.calls = entry["calls"].AsDouble();
    op.after_us = entry["after_us"].AsDouble();
    op.macs = entry["macs"].AsInt(-1);
    op.inputs = ValuesIn(entry["inputs"]);
    op.outputs = ValuesIn(entry["outputs"]);
    profile.operators.push_back(std::move(op));
  }
  return profile;
}

}  // namespace quantbench

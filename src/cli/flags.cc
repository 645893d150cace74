// Flags that several commands share.
#include <charconv>
#include <filesystem>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

// "name=value" with a number; the name may hold '='.
Result<std::pair<std::string, double>> ParsePair(const std::string& pair) {
  const std::size_t equals = pair.rfind('=');
  double value = 0;
  if (equals != std::string::npos && equals > 0) {
    const char* begin = pair.data() + equals + 1;
    const char* end = pair.data() + pair.size();
    const auto parsed = std::from_chars(begin, end, value);
    if (parsed.ec == std::errc() && parsed.ptr == end) {
      return std::pair{pair.substr(0, equals), value};
    }
  }
  return Error(ErrorCode::kInvalidArgument, Format("\"{}\" is not name=number", Printable(pair)));
}

}  // namespace

void OutputFlag::Add(CLI::App& app, const std::string& flags) {
  app.add_option(flags, name, "print as table, md, csv or json")
      ->check(CLI::IsMember({"table", "md", "csv", "json"}))
      ->capture_default_str();
}

OutputFormat OutputFlag::format() const {
  const auto parsed = ParseOutputFormat(name);
  QB_CHECK(parsed.ok(), "the parser let an unknown format pass");
  return parsed.value();
}

void WorkerFlags::Add(CLI::App& app) {
  app.add_option("--engine", engine,
                 "ONNX Runtime library (default: QUANTBENCH_ORT, the set-up copy, the system's)");
  app.add_option("--timeout", timeout_s, "seconds after which a worker is ended")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--worker-memory", memory_bytes,
                 "address space of a worker, e.g. 2GB; beyond it the case is out of memory")
      ->transform(CLI::AsSizeValue(true));
}

WorkerOptions WorkerFlags::Options() const {
  WorkerOptions options;
  options.engine = engine;
  options.timeout_s = timeout_s;
  options.memory_bytes = memory_bytes;
  return options;
}

void InputFlags::Add(CLI::App& app) {
  app.add_option("--dim", dims, "value of a free dimension, e.g. --dim seq=32")->delimiter(',');
  app.add_option("--input", constants, "an input filled with one value, e.g. --input sr=16000")
      ->delimiter(',');
  app.add_option("--vocabulary", vocabulary, "synthetic token ids lie below this")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

Result<DimValues> InputFlags::Dims() const {
  DimValues values;
  for (const std::string& pair : dims) {
    QB_TRY(const auto parsed, ParsePair(pair));
    const auto size = static_cast<std::int64_t>(parsed.second);
    if (static_cast<double>(size) != parsed.second || size < 1) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("--dim {}: not a positive whole number", Printable(pair)));
    }
    values[parsed.first] = size;
  }
  return values;
}

Result<std::map<std::string, double>> InputFlags::Constants() const {
  std::map<std::string, double> values;
  for (const std::string& pair : constants) {
    QB_TRY(const auto parsed, ParsePair(pair));
    values[parsed.first] = parsed.second;
  }
  return values;
}

void Describe(CLI::App& app, std::string_view summary, std::string_view examples) {
  app.description(Format("{}\n\nExamples:\n{}\n", summary, examples));
}

Study AdHocStudy(const std::vector<std::string>& files) {
  Study study;
  StudyModel model;
  model.id = "model";
  model.path = files.front();
  study.models.push_back(std::move(model));
  for (std::size_t i = 1; i < files.size(); ++i) {
    StudyVariant variant;
    variant.id = Format("#{}", i);
    study.variants.push_back(std::move(variant));
  }
  return study;
}

Record AdHocRecord(Case what, CaseOutcome outcome) {
  Record record;
  record.key = what.Describe();
  record.what = std::move(what);
  record.outcome = outcome.outcome;
  record.reason = std::move(outcome.reason);
  record.results = std::move(outcome.results);
  record.finished = UtcNow();
  return record;
}

void NameArmsByFile(const std::vector<std::string>& files, Analysis* analysis) {
  const auto name = [&](const std::string& arm) {
    std::size_t index = 0;
    if (arm.starts_with('#')) std::from_chars(arm.data() + 1, arm.data() + arm.size(), index);
    return std::filesystem::path(files.at(index)).filename().string();
  };
  const std::string model = std::filesystem::path(files.front()).stem().string();
  for (CellResult& cell : analysis->cells) {
    cell.model = model;
    for (ArmLatency& arm : cell.arms) arm.arm = name(arm.arm);
  }
  for (NaturalLatency& natural : analysis->natural) {
    natural.model = model;
    natural.arm = name(natural.arm);
  }
  for (ArmAccuracy& accuracy : analysis->accuracies) {
    accuracy.model = model;
    accuracy.arm = name(accuracy.arm);
  }
}

}  // namespace quantbench

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

// The parser splits at commas: "x=int64[1,8]" comes as "x=int64[1" and "8]".
std::vector<std::string> JoinBrackets(const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  bool open = false;
  for (const std::string& word : words) {
    if (open) {
      joined.back() += "," + word;
    } else {
      joined.push_back(word);
    }
    const std::string& whole = joined.back();
    open = whole.find('[') != std::string::npos && whole.find(']') == std::string::npos;
  }
  return joined;
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
  app.add_option("--device", torch.device, "where TorchScript models run: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--quantized-engine", torch.quantized_engine,
                 "libtorch's, of quantized TorchScript (default: the first it has of these)")
      ->check(CLI::IsMember({"x86", "fbgemm", "onednn", "qnnpack"}));
  app.add_flag("!--no-freeze", torch.freeze, "run TorchScript models as they are, not frozen");
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
  options.torch = torch;
  options.timeout_s = timeout_s;
  options.memory_bytes = memory_bytes;
  return options;
}

void InputFlags::Add(CLI::App& app) {
  app.add_option("--dim", dims, "value of a free dimension, e.g. --dim seq=32")->delimiter(',');
  app.add_option("--input", constants,
                 "an input filled with one value (--input sr=16000), or what a TorchScript model "
                 "takes (--input 'x=float32[batch,3,224,224]'), once for each")
      ->delimiter(',');
  app.add_option("--vocabulary", vocabulary,
                 "synthetic token ids lie below this, and below the rows of their table")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

Result<std::map<std::string, std::vector<std::int64_t>>> InputFlags::DimLists() const {
  std::map<std::string, std::vector<std::int64_t>> lists;
  std::string name;
  for (const std::string& word : dims) {
    // The parser splits at commas: "seq=16,32" comes as "seq=16" and "32".
    const bool more = !name.empty() && word.find('=') == std::string::npos;
    QB_TRY(const auto parsed, ParsePair(more ? Format("{}={}", name, word) : word));
    const auto size = static_cast<std::int64_t>(parsed.second);
    if (static_cast<double>(size) != parsed.second || size < 1) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("--dim {}: not a positive whole number", Printable(word)));
    }
    name = parsed.first;
    lists[name].push_back(size);
  }
  return lists;
}

Result<DimValues> InputFlags::Dims() const {
  QB_TRY(const auto lists, DimLists());
  DimValues values;
  for (const auto& [name, sizes] : lists) {
    if (sizes.size() > 1) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("--dim {}: one value, not {}", Printable(name), sizes.size()));
    }
    values[name] = sizes.front();
  }
  return values;
}

Result<std::map<std::string, double>> InputFlags::Constants() const {
  std::map<std::string, double> values;
  for (const std::string& pair : JoinBrackets(constants)) {
    if (pair.ends_with(']')) continue;
    QB_TRY(const auto parsed, ParsePair(pair));
    values[parsed.first] = parsed.second;
  }
  return values;
}

Result<std::vector<InputSpec>> InputFlags::Stated() const {
  std::vector<InputSpec> inputs;
  for (const std::string& text : JoinBrackets(constants)) {
    if (!text.ends_with(']')) continue;
    QB_TRY(InputSpec input, ParseInputSpec(text));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

void CalibrationFlags::Add(CLI::App& app, const std::string& data_flag) {
  app.add_option(data_flag, data,
                 "data to observe ranges on: a .toml, an image folder, .npy, .npz or IDX (default: "
                 "synthetic)");
  app.add_option("--samples", samples,
                 "how many samples to observe, or auto: until the scales have settled")
      ->capture_default_str();
  app.add_option("--observer", observer,
                 "what range follows: minmax, average, percentile, entropy or mse (default: the "
                 "recipe's)")
      ->check(CLI::IsMember({"minmax", "average", "percentile", "entropy", "mse"}));
  app.add_option("--percentile", percentile, "of the values that fit, for that observer")
      ->check(CLI::Range(50.1, 100.0))
      ->capture_default_str();
  app.add_option("--memory", memory_bytes,
                 "of statistics, e.g. 64MB; what does not fit is observed in further passes "
                 "(default: 512 MiB)")
      ->transform(CLI::AsSizeValue(false));
}

Result<CalibrationSettings> CalibrationFlags::Settings() const {
  CalibrationSettings settings;
  settings.observer_asked = !observer.empty();
  if (settings.observer_asked) {
    QB_TRY(settings.observer.observer, ParseObserver(observer));
  }
  settings.observer.percentile = percentile;
  settings.memory_bytes = memory_bytes;
  if (samples == "auto") {
    settings.until_stable = true;
    settings.samples = CalibrationSettings::kMostSamples;
    return settings;
  }
  const char* end = samples.data() + samples.size();
  const auto parsed = std::from_chars(samples.data(), end, settings.samples);
  if (parsed.ec == std::errc() && parsed.ptr == end && settings.samples > 0) return settings;
  return Error(ErrorCode::kInvalidArgument,
               Format("--samples {}: neither a number above 0 nor auto", Printable(samples)));
}

Result<std::optional<DataSpec>> CalibrationFlags::Data() const {
  if (data.empty()) return std::optional<DataSpec>();
  QB_TRY(DataSpec spec, LoadDataSpec(data));
  return std::optional<DataSpec>(std::move(spec));
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

namespace {

// The file that an ad hoc study's arm stands for.
std::string FileOfArm(const std::vector<std::string>& files, const std::string& arm) {
  std::size_t index = 0;
  if (arm.starts_with('#')) std::from_chars(arm.data() + 1, arm.data() + arm.size(), index);
  return std::filesystem::path(files.at(index)).filename().string();
}

// Sentences begin with the model; variants are spoken of as "#1".
std::string WithFileNames(const std::vector<std::string>& files, std::string text) {
  if (text.starts_with("model")) {
    text.replace(0, 5, std::filesystem::path(files.front()).stem().string());
  }
  for (std::size_t i = files.size() - 1; i > 0; --i) {
    const std::string id = Format("#{}", i);
    for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id, at + 1)) {
      text.replace(at, id.size(), FileOfArm(files, id));
    }
  }
  return text;
}

}  // namespace

void NameArmsByFile(const std::vector<std::string>& files, Analysis* analysis) {
  const auto name = [&](const std::string& arm) { return FileOfArm(files, arm); };
  const auto named = [&](std::string text) { return WithFileNames(files, std::move(text)); };
  const std::string model = std::filesystem::path(files.front()).stem().string();
  for (CellResult& cell : analysis->cells) {
    cell.model = model;
    for (ArmLatency& arm : cell.arms) arm.arm = name(arm.arm);
  }
  for (CellResult& cell : analysis->cells) {
    for (ArmMemory& arm : cell.memory) arm.arm = name(arm.arm);
  }
  for (ScenarioResult& result : analysis->scenarios) {
    result.cell.model = model;
    for (ScenarioArm& arm : result.arms) arm.arm = name(arm.arm);
  }
  for (Finding& finding : analysis->findings) finding.text = named(finding.text);
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

// Parsing of what a study shares with command lines.
#include "study/parse_parts.h"

#include <algorithm>
#include <system_error>

#include "quantbench/base/format.h"

#include "study/parse_data.h"

namespace quantbench {
namespace {

void ReadRecovery(Reader* parts, Recovery* recovery) {
  parts->Bool("act_order", &recovery->act_order);
  parts->Double("damping", &recovery->damping);
  if (!(recovery->damping >= 0 && recovery->damping <= 10)) {
    parts->Mistake("damping", "\"damping\" must lie between 0 and 10");
  }
  if (parts->Find("steps") == nullptr) return;
  std::vector<std::string> names;
  parts->Strings("steps", &names);
  auto steps = ParseSteps(names);
  if (!steps.ok()) return parts->Mistake("steps", steps.error().message());
  recovery->steps = std::move(steps).value();
}

// What a recipe table changes about its base.
void ReadRecipeParts(Reader* parts, Recipe* recipe) {
  bool per_channel = true;
  bool symmetric = true;
  std::int64_t block = 0;
  std::string format;
  std::string target;
  std::vector<std::string> rules;
  parts->Bool("per_channel", &per_channel);
  parts->Bool("symmetric", &symmetric);
  parts->Int("block", &block, 16, 256);
  parts->String("format", &format);
  parts->String("target", &target);
  parts->Strings("rules", &rules);
  parts->Strings("keep_float", &recipe->keep_float);
  parts->Bool("quantize_embeddings", &recipe->quantize_embeddings);
  ReadRecovery(parts, &recipe->recovery);
  for (const std::string& text : rules) {
    auto rule = ParseRule(text);
    if (!rule.ok()) return parts->Mistake("rules", rule.error().message());
    recipe->rules.push_back(std::move(rule).value());
  }
  if (!per_channel) recipe->SetPerChannel(false);
  if (!symmetric) recipe->SetSymmetric(false);
  if (block > 0) recipe->SetBlock(block);
  if (!format.empty()) {
    const auto parsed = ParseQuantFormat(format);
    if (!parsed.ok()) return parts->Mistake("format", parsed.error().message());
    recipe->SetFormat(parsed.value());
  }
  if (!target.empty()) {
    const auto parsed = ParseTarget(target);
    if (!parsed.ok()) return parts->Mistake("target", parsed.error().message());
    recipe->target = parsed.value();
  }
}

// The keys of [scenario] that are of energy alone.
void ReadEnergy(Reader* reader, ScenarioPlan* plan) {
  reader->String("sensor", &plan->sensor);
  reader->Double("block_s", &plan->block_s);
  reader->Int("rounds", &plan->rounds, 1, 1000);
  reader->Double("carbon_g_per_kwh", &plan->carbon_g_per_kwh);
  if (!(plan->block_s >= 0.02 && plan->block_s <= 600)) {
    reader->Mistake("block_s", "block_s must be between 0.02 and 600");
  }
  if (!(plan->carbon_g_per_kwh >= 0 && plan->carbon_g_per_kwh <= 10'000)) {
    reader->Mistake("carbon_g_per_kwh", "carbon_g_per_kwh must be between 0 and 10000");
  }
}

// One of the names, where there is one.
void ReadName(Reader* reader, std::string_view key, const std::vector<std::string>& known,
              std::string* name) {
  reader->String(key, name);
  if (name->empty() || std::find(known.begin(), known.end(), *name) != known.end()) return;
  std::string listed;
  for (const std::string& one : known) listed += (listed.empty() ? "" : ", ") + one;
  reader->Mistake(key, Format("there is no {} \"{}\" ({})", key, Printable(*name), listed));
}

// `pattern` with the model's id where it says so.
std::string ForModel(std::string pattern, std::string_view model) {
  constexpr std::string_view kModel = "{model}";
  for (std::size_t at = pattern.find(kModel); at != std::string::npos;
       at = pattern.find(kModel, at + model.size())) {
    pattern.replace(at, kModel.size(), model);
  }
  return pattern;
}

}  // namespace

void ReadTorch(Reader* reader, TorchSettings* torch) {
  ReadName(reader, "device", {"cpu", "cuda"}, &torch->device);
  ReadName(reader, "quantized_engine", {"x86", "fbgemm", "onednn", "qnnpack"},
           &torch->quantized_engine);
  reader->Bool("freeze", &torch->freeze);
}

std::map<std::string, std::filesystem::path> ReadFiles(Reader* reader, std::string_view key,
                                                       const std::filesystem::path& folder,
                                                       const std::vector<std::string>& models) {
  std::map<std::string, std::filesystem::path> files;
  std::string pattern;
  reader->String(key, &pattern);
  if (pattern.empty()) return files;
  if (models.size() > 1 && ForModel(pattern, "") == pattern) {
    reader->Mistake(key,
                    "a file is of one model: say which with \"models\", or write {model} where the "
                    "names of several files differ");
  }
  for (const std::string& model : models) {
    const auto path = Resolve(folder, ForModel(pattern, model));
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      reader->Mistake(key, Format("{} does not exist", path.string()));
    }
    files[model] = path;
  }
  return files;
}

void ReadRecipe(Reader* reader, Recipe* result) {
  const toml::node* node = reader->Find("recipe");
  if (node == nullptr) {
    return reader->Mistake("recipe", "[[variant]] needs the key \"recipe\"");
  }
  if (const auto name = node->value_exact<std::string>()) {
    auto recipe = FindRecipe(*name);
    if (!recipe.ok()) return reader->Mistake("recipe", recipe.error().message());
    *result = std::move(recipe).value();
    return;
  }
  const toml::table* table = node->as_table();
  if (table == nullptr) return reader->Mistake("recipe", "\"recipe\" must be a name or a table");
  Reader parts(*table, "\"recipe\"", &reader->diagnostics());
  std::string base;
  parts.String("base", &base, Need::kRequired);
  auto recipe = FindRecipe(base);
  if (!recipe.ok() && !base.empty()) return parts.Mistake("base", recipe.error().message());
  if (recipe.ok()) *result = std::move(recipe).value();
  ReadRecipeParts(&parts, result);
}

void ReadCalibration(const toml::table& table, Reader* parts, CalibrationSettings* settings) {
  parts->Int("samples", &settings->samples, 1);
  parts->Bool("until_stable", &settings->until_stable);
  if (settings->until_stable && !table.contains("samples")) {
    settings->samples = CalibrationSettings::kMostSamples;
  }
  std::string name;
  parts->String("observer", &name);
  settings->observer_asked = !name.empty();
  if (settings->observer_asked) {
    const auto observer = ParseObserver(name);
    if (!observer.ok()) return parts->Mistake("observer", observer.error().message());
    settings->observer.observer = observer.value();
  }
  parts->Double("percentile", &settings->observer.percentile);
  if (!(settings->observer.percentile > 50 && settings->observer.percentile <= 100)) {
    parts->Mistake("percentile", "the percentile lies above 50 and up to 100");
  }
}

void ReadLatency(Reader* reader, LatencyPlan* latency) {
  LatencyPlan& plan = *latency;
  std::int64_t repetitions = plan.repetitions;
  std::int64_t processes = 0;
  std::int64_t most = 0;
  std::int64_t seed = 1;
  double budget_s = static_cast<double>(plan.budget_ns) * 1e-9;
  reader->Int("repetitions", &repetitions, 2, 100'000);
  reader->Int("processes", &processes, 1, 1000);
  reader->Int("max_processes", &most, 1, 1000);
  reader->Int("seed", &seed, 0);
  reader->Double("precision", &plan.precision);
  reader->Double("budget_s", &budget_s);
  if (!(plan.precision > 0)) reader->Mistake("precision", "precision must be above 0");
  if (!(budget_s >= 0 && budget_s <= 1e6)) {
    reader->Mistake("budget_s", "budget_s must be between 0 and 1000000");
  }
  plan.repetitions = static_cast<int>(repetitions);
  plan.SetProcesses(static_cast<int>(processes), static_cast<int>(most));
  plan.budget_ns = static_cast<std::int64_t>(budget_s * 1e9);
  plan.seed = static_cast<std::uint64_t>(seed);
}

void ReadScenario(Reader* reader, ScenarioPlan* plan) {
  std::vector<std::string> names;
  reader->Strings("run", &names);
  if (names.empty()) reader->Mistake("run", "[scenario] needs \"run\": a list of scenarios");
  for (const std::string& name : names) {
    const auto scenario = ParseScenario(name);
    if (!scenario.ok()) {
      reader->Mistake("run", scenario.error().message());
    } else if (scenario.value() == Scenario::kSingleStream) {
      reader->Mistake("run", "\"single-stream\" is what cells measure anyway");
    } else if (std::ranges::count(plan->scenarios, scenario.value()) > 0) {
      reader->Mistake("run", Format("\"{}\" stands here twice", name));
    } else {
      plan->scenarios.push_back(scenario.value());
    }
  }
  reader->Ints("batch", &plan->batch, 1);
  reader->Int("threads", &plan->threads, 1, 1024);
  reader->Int("queries", &plan->queries, 473, 1'000'000);  // what a 99th percentile takes
  reader->Int("processes", &plan->processes, 1, 1000);
  reader->Double("p99_ms", &plan->p99_ms);
  reader->Double("duration_s", &plan->duration_s);
  ReadEnergy(reader, plan);
  const bool serves = std::ranges::count(plan->scenarios, Scenario::kServer) > 0;
  if (plan->p99_ms < 0 || plan->p99_ms > 1e6 || (serves && plan->p99_ms == 0)) {
    reader->Mistake("p99_ms", "the server scenario needs \"p99_ms\", from 0 to 1000000");
  }
  if (!(plan->duration_s >= 1 && plan->duration_s <= 86400)) {
    reader->Mistake("duration_s", "duration_s must be between 1 and 86400");
  }
}

}  // namespace quantbench

// What pays here: recipes of whole models, profiled, and the table that is kept of them.
#include <cstdlib>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/scratch_folder.h"
#include "quantbench/run.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestTable = 64U << 20U;

// Letters and digits of it; everything else becomes a dash.
std::string FileNameOf(const std::string& words) {
  std::string name;
  for (const char c : words) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '.') {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  return name;
}

Status WritePayoffs(const std::vector<Payoff>& rows, const fs::path& table) {
  Json list = Json::Array{};
  for (const Payoff& row : rows) list.Append(row.ToJson());
  std::error_code failed;
  fs::create_directories(table.parent_path(), failed);
  return WriteFileAtomic(table, Json::MakeObject().Set("payoffs", std::move(list)).Dump());
}

Result<std::vector<Payoff>> MeasureOne(const PayoffOptions& options, const fs::path& model,
                                       const std::string& recipe, const WorkerOptions& worker,
                                       Progress& progress) {
  QB_TRY(const ScratchFolder scratch, ScratchFolder::Make());
  QuantizeOptions quantize;
  quantize.model = model;
  quantize.output = scratch.path() / "quantized.onnx";
  QB_TRY(quantize.recipe, FindRecipe(recipe));
  quantize.recipe.weighs_costs = false;  // measured here, for all layers
  quantize.dims = options.cell.dims;
  quantize.constants = options.input.constants;
  quantize.vocabulary = options.input.vocabulary;
  quantize.verify = false;
  QB_OK(QuantizeModel(quantize, worker, progress));
  QB_TRY(
      const ExplainedSpeed told,
      ExplainSpeedOf({model, quantize.output, options.cell, options.input, 1}, worker, progress));
  return PayoffsOf(told.speed, model.filename(), recipe, options.cell.threads);
}

std::string Told(const Result<std::vector<Payoff>>& rows) {
  if (!rows.ok()) return rows.error().message();
  return Format("{} layer{}", rows.value().size(), rows.value().size() == 1 ? "" : "s");
}

}  // namespace

Result<fs::path> PayoffTablePath() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache == nullptr && home == nullptr) {
    return Error(ErrorCode::kIo, "neither XDG_CACHE_HOME nor HOME is set: name a file by --table");
  }
  const fs::path folder = cache != nullptr ? fs::path(cache) : fs::path(home) / ".cache";
  return folder / "quantbench" / "payoff" /
         (FileNameOf(DescribeEnvironment()["cpu"].AsString()) + ".json");
}

Result<std::vector<Payoff>> ReadPayoffs(const fs::path& table) {
  std::vector<Payoff> rows;
  std::error_code failed;
  if (!fs::exists(table, failed)) return rows;
  QB_TRY(const std::string text, ReadFile(table, kLargestTable));
  const auto json = Json::Parse(text);
  if (!json.ok()) return json.error().Within(table.string());
  for (const Json& entry : json.value()["payoffs"].AsArray()) {
    auto row = Payoff::FromJson(entry);
    if (!row.ok()) return row.error().Within(table.string());
    rows.push_back(std::move(row).value());
  }
  return rows;
}

Result<std::vector<Payoff>> MeasurePayoffs(const PayoffOptions& options,
                                           const WorkerOptions& worker, Progress& progress) {
  fs::path table = options.table;
  if (table.empty()) {
    QB_TRY(table, PayoffTablePath());
  }
  QB_TRY(std::vector<Payoff> known, ReadPayoffs(table));
  for (const fs::path& model : options.models) {
    for (const std::string& recipe : options.recipes) {
      auto rows = MeasureOne(options, model, recipe, worker, progress);
      progress.Note(Format("{}, {}: {}", model.string(), recipe, Told(rows)));
      if (rows.ok()) MergePayoffs(std::move(rows).value(), &known);
    }
    QB_OK(WritePayoffs(known, table));  // what is measured is kept, whatever comes next
  }
  return known;
}

}  // namespace quantbench

// quantbench payoff: which recipe pays for which layers on this device.
#include <algorithm>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct PayoffFlags {
  std::vector<std::string> models;
  std::vector<std::string> recipes = {"dynamic-int8", "static-int8", "weight-int4"};
  std::int64_t batch = 1;
  std::int64_t threads = 1;
  std::string table;
  bool all = false;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag output;
};

std::string UpTo(std::int64_t from) {
  return Format("{}-{}", from, 4 * from - 1);
}

std::string Spread(const PayoffClass::Outcome& outcome) {
  if (outcome.layers == 1) return Format("{:.2f}", outcome.median);
  return Format("{:.2f} ({:.2f}-{:.2f}, {})", outcome.median, outcome.low, outcome.high,
                outcome.layers);
}

Table ClassesOfPayoffs(const std::vector<Payoff>& rows) {
  std::vector<std::string> recipes;
  recipes.reserve(rows.size());
  for (const Payoff& row : rows) recipes.push_back(row.recipe);
  std::sort(recipes.begin(), recipes.end());
  recipes.erase(std::unique(recipes.begin(), recipes.end()), recipes.end());
  Table table;
  table.title = "What pays here";
  table.columns = {{"layers", false}, {"terms"}, {"channels"}, {"positions"}, {"threads"}};
  for (const std::string& recipe : recipes) table.columns.push_back({recipe});
  table.columns.push_back({"best", false});
  for (const PayoffClass& group : ClassifyPayoffs(rows)) {
    std::vector<std::string> cells = {std::string(Name(group.family)), UpTo(group.terms_from),
                                      UpTo(group.channels_from), UpTo(group.positions_from),
                                      Format("{}", group.threads)};
    for (const std::string& recipe : recipes) {
      const auto found = std::find_if(group.outcomes.begin(), group.outcomes.end(),
                                      [&](const auto& out) { return out.recipe == recipe; });
      cells.push_back(found == group.outcomes.end() ? "-" : Spread(*found));
    }
    cells.push_back(group.best() == nullptr ? "float" : group.best()->recipe);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table EveryPayoff(const std::vector<Payoff>& rows) {
  Table table;
  table.title = "Layers";
  table.columns = {{"model", false},  {"layer", false}, {"family", false}, {"terms"},
                   {"channels"},      {"positions"},    {"threads"},       {"recipe", false},
                   {"times as fast"}, {"became", false}};
  for (const Payoff& row : rows) {
    table.rows.push_back({row.model, row.layer, std::string(Name(row.family)),
                          Format("{}", row.terms), Format("{}", row.channels),
                          Format("{}", row.positions), Format("{}", row.threads), row.recipe,
                          Format("{:.3f}", row.speedup), row.kernels});
  }
  return table;
}

int ShowPayoffs(const PayoffFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  PayoffOptions options;
  options.models.assign(flags.models.begin(), flags.models.end());
  options.recipes = flags.recipes;
  options.cell.batch = flags.batch;
  options.cell.threads = flags.threads;
  options.table = flags.table;
  for (const std::string& recipe : flags.recipes) {
    if (const auto found = FindRecipe(recipe); !found.ok()) {
      return terminal.Fail(found.error(), format);
    }
  }
  auto dims = flags.input.Dims();
  if (!dims.ok()) return terminal.Fail(dims.error(), format);
  options.cell.dims = std::move(dims).value();
  auto constants = flags.input.Constants();
  if (!constants.ok()) return terminal.Fail(constants.error(), format);
  options.input.constants = std::move(constants).value();
  options.input.vocabulary = flags.input.vocabulary;
  for (const std::string& file : flags.models) {  // before the others take their time
    const auto model = LoadModel(file);
    if (!model.ok()) return terminal.Fail(model.error(), format);
  }
  const auto rows = MeasurePayoffs(options, flags.worker.Options(), terminal);
  if (!rows.ok()) return terminal.Fail(rows.error(), format);
  if (rows.value().empty()) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument,
                               "nothing is known of this device yet: name models to measure"),
                         format);
  }
  std::vector<Table> tables = {ClassesOfPayoffs(rows.value())};
  if (flags.all) tables.push_back(EveryPayoff(rows.value()));
  terminal.Print(Render(tables, format));
  terminal.Note(
      "times as fast as in float, each layer with what is around it, from profiles of whole "
      "models: "
      "median (quartiles, layers)");
  return kExitDone;
}

}  // namespace

Action AddPayoff(CLI::App& app) {
  auto flags = std::make_shared<PayoffFlags>();
  Describe(app,
           "Quantizes models by recipes, profiles each beside its original, and tells for which "
           "shapes of layers which recipe pays on this device. What was measured is kept, so that "
           "the table grows with every model; without models it is only shown.",
           "  quantbench payoff resnet50.onnx bert.onnx\n"
           "  quantbench payoff model.onnx --recipes static-int8,weight-int8 --threads 2\n"
           "  quantbench payoff --all -o csv");
  app.add_option("models", flags->models, "ONNX models to add");
  app.add_option("--recipes", flags->recipes, "recipes to try")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--batch", flags->batch, "batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", flags->threads, "threads of the engine; 0: one a core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--table", flags->table,
                 "file that keeps what was measured; default one for this kind of processor");
  app.add_flag("--all", flags->all, "every layer, too");
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return ShowPayoffs(*flags, terminal); };
}

}  // namespace quantbench

// quantbench eval: accuracy of models on a data set, side by side.
#include <algorithm>
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct EvalFlags {
  std::vector<std::string> models;
  std::string data;
  std::string metric;
  double margin = 0.01;
  bool until_decided = false;
  std::string on_bad_sample;
  std::int64_t seed = 0;
  std::int64_t natural = 0;
  std::int64_t processes = 5;
  std::int64_t batch = 16;
  std::int64_t limit = 0;
  std::int64_t threads = 0;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag output;
};

// The data set as the file and the flags together say.
Result<DataSpec> DataOf(const EvalFlags& flags) {
  QB_TRY(DataSpec data, LoadDataSpec(flags.data));
  if (!flags.on_bad_sample.empty()) data.skip_bad = flags.on_bad_sample == "skip";
  if (flags.seed > 0) {
    data.shuffle = true;
    data.seed = static_cast<std::uint64_t>(flags.seed);
  }
  // An early end is fair only when the samples come in random order.
  if (flags.until_decided) data.shuffle = true;
  return data;
}

// Every arm's latency at natural sizes, as a record.
Record EvalNatural(const EvalFlags& flags, const EvalOptions& options, Terminal& terminal) {
  NaturalOptions natural;
  for (std::size_t i = 0; i < flags.models.size(); ++i) {
    natural.arms.push_back({i == 0 ? std::string(kOriginal) : Format("#{}", i), flags.models[i]});
  }
  natural.input = options.input;
  natural.input.vocabulary = flags.input.vocabulary;
  natural.batches = flags.natural;
  natural.threads = std::max<std::int64_t>(1, flags.threads);
  natural.processes = flags.processes;
  const Case work{CaseKind::kNatural, "model", "", {}};
  return AdHocRecord(work, MeasureNaturalSizes(natural, flags.worker.Options(), terminal));
}

int Eval(const EvalFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  auto data = DataOf(flags);
  if (!data.ok()) return terminal.Fail(data.error(), format);
  Study study = AdHocStudy(flags.models);
  study.models.front().data = data.value().id;
  study.models.front().metric = flags.metric;
  study.margin = flags.margin;
  study.natural_batches = flags.natural;
  EvalOptions options;
  options.input.data = std::move(data).value();
  auto dims = flags.input.Dims();
  if (!dims.ok()) return terminal.Fail(dims.error(), format);
  options.input.dims = std::move(dims).value();
  auto stated = flags.input.Stated();
  if (!stated.ok()) return terminal.Fail(stated.error(), format);
  options.input.stated = std::move(stated).value();
  options.evaluate.batch = flags.batch;
  options.evaluate.limit = flags.limit;
  options.threads = flags.threads;
  if (flags.until_decided) options.until_decided = flags.margin;
  std::vector<Record> records;
  for (const Case& work : Expand(study)) {
    if (work.kind != CaseKind::kEvaluate) continue;
    const std::size_t index = records.size();
    options.arm = {work.arm, flags.models[index]};
    if (index > 0) options.reference = flags.models.front();
    CaseOutcome outcome = EvaluateArm(options, flags.worker.Options(), terminal);
    if (outcome.outcome == Outcome::kFailed && index == 0) {
      return terminal.Fail(Error(outcome.code, outcome.reason), format);
    }
    terminal.Note(Format("{}: {}{}", flags.models[index], Name(outcome.outcome),
                         outcome.reason.empty() ? "" : ": " + outcome.reason));
    records.push_back(AdHocRecord(work, std::move(outcome)));
  }
  if (flags.natural > 0) records.push_back(EvalNatural(flags, options, terminal));
  Analysis analysis = Analyse(study, records, nullptr);
  NameArmsByFile(flags.models, &analysis);
  std::vector<Table> tables = {AccuracyTable(analysis)};
  if (flags.natural > 0) tables.push_back(NaturalTable(analysis));
  terminal.Print(tables.size() == 1 ? Render(tables.front(), format) : Render(tables, format));
  return analysis.failed > 0 ? kExitCasesFailed : kExitDone;
}

}  // namespace

Action AddEval(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  Describe(
      app,
      "Runs models over a data set and scores their answers: what each is worth, with an "
      "interval,\n"
      "and what changed against the first model on the same samples, with or without labels.",
      "  quantbench eval model.onnx model.int8.onnx --data images.toml\n"
      "  quantbench eval model.onnx model.int8.onnx --data reviews.toml --metric f1 --margin 0.02\n"
      "  quantbench eval model.onnx model.int8.onnx --data images.toml --until-decided\n"
      "  quantbench eval model.onnx model.int8.onnx --data reviews.toml --natural 32");
  app.add_option("models", flags->models, "models, .onnx or TorchScript .pt files")->required();
  app.add_option("--data", flags->data, "a .toml, an image folder, .npy, .npz or IDX")->required();
  app.add_option("--metric", flags->metric, "the score that comes first (default: the task's)")
      ->check(
          CLI::IsMember({"top1", "top5", "f1", "matthews", "perplexity", "wer", "map50", "map"}));
  app.add_option("--margin", flags->margin, "a fall by less than this share is \"not worse\"")
      ->check(CLI::Range(1e-6, 0.999))
      ->capture_default_str();
  app.add_flag("--until-decided", flags->until_decided,
               "stop as soon as it is known whether top-1 falls by the margin");
  app.add_option("--on-bad-sample", flags->on_bad_sample,
                 "fail, or skip: leave samples out that cannot be read, and count them")
      ->check(CLI::IsMember({"fail", "skip"}));
  app.add_option("--shuffle", flags->seed, "take the samples in the random order of this seed")
      ->check(CLI::PositiveNumber);
  app.add_option("--natural", flags->natural,
                 "also time n samples at their own sizes, beside synthetic ones of the same shapes")
      ->check(CLI::PositiveNumber);
  app.add_option("--processes", flags->processes, "fresh processes for --natural")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", flags->batch, "samples at once, where the model allows it")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--limit", flags->limit, "only the first n samples")->check(CLI::PositiveNumber);
  app.add_option("--threads", flags->threads, "threads of the engine, 0: one a core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Eval(*flags, terminal); };
}

}  // namespace quantbench

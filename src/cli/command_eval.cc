// quantbench eval: accuracy of models on a data set, side by side.
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct EvalFlags {
  std::vector<std::string> models;
  std::string data;
  std::string metric = "top1";
  std::int64_t batch = 16;
  std::int64_t limit = 0;
  std::int64_t threads = 0;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag output;
};

int Eval(const EvalFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  auto data = LoadDataSpec(flags.data);
  if (!data.ok()) return terminal.Fail(data.error(), format);
  Study study = AdHocStudy(flags.models);
  study.models.front().data = data.value().id;
  EvalOptions options;
  options.input.data = std::move(data).value();
  auto dims = flags.input.Dims();
  if (!dims.ok()) return terminal.Fail(dims.error(), format);
  options.input.dims = std::move(dims).value();
  options.evaluate = {flags.batch, flags.limit};
  options.threads = flags.threads;
  std::vector<Record> records;
  for (const Case& work : Expand(study)) {
    if (work.kind != CaseKind::kEvaluate) continue;
    const std::size_t index = records.size();
    options.arm = {work.arm, flags.models[index]};
    CaseOutcome outcome = EvaluateArm(options, flags.worker.Options(), terminal);
    if (outcome.outcome == Outcome::kFailed && flags.models.size() == 1) {
      return terminal.Fail(Error(outcome.code, outcome.reason), format);
    }
    terminal.Note(Format("{}: {}{}", flags.models[index], Name(outcome.outcome),
                         outcome.reason.empty() ? "" : ": " + outcome.reason));
    records.push_back(AdHocRecord(work, std::move(outcome)));
  }
  Analysis analysis = Analyse(study, records, nullptr);
  NameArmsByFile(flags.models, &analysis);
  terminal.Print(Render(AccuracyTable(analysis), format));
  return analysis.failed > 0 ? kExitCasesFailed : kExitDone;
}

}  // namespace

Action AddEval(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  Describe(app,
           "Runs models over a data set: top-1 accuracy where there are labels, and agreement with "
           "the first\n"
           "model on the same samples.",
           "  quantbench eval model.onnx model.int8.onnx --data images.toml --metric top1\n"
           "  quantbench eval model.onnx model.int8.onnx --data images/ --limit 500");
  app.add_option("models", flags->models, "models, .onnx files")->required();
  app.add_option("--data", flags->data, "a .toml, an image folder, .npy, .npz or IDX")->required();
  app.add_option("--metric", flags->metric, "what is counted")
      ->check(CLI::IsMember({"top1"}))
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

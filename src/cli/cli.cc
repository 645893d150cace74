// The program: the table of commands, the parser, and what no command caught.
#include "quantbench/cli.h"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <signal.h>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

constexpr auto kCommands = std::to_array<CommandEntry>({
    {"new", "a study file for models, to be completed by you", AddNew},
    {"check", "every mistake in a study file, and what it would do", AddCheck},
    {"run", "the whole study: quantize, measure, evaluate, judge, report", AddRun},
    {"inspect", "what a model is: size, parameters, element types, inputs, outputs", AddInspect},
    {"calibrate", "observe what flows through a model, once, for later use", AddCalibrate},
    {"quantize", "make a quantized model, and check that it works", AddQuantize},
    {"explain", "where a recipe loses accuracy, layer by layer", AddExplain},
    {"bench", "latency of models side by side, interleaved", AddBench},
    {"eval", "accuracy of models on a data set, side by side", AddEval},
    {"energy", "joules from the log of an external meter, for blocks that were run", AddEnergy},
    {"report", "the report of what was measured: HTML, Markdown, CSV, figures", AddReport},
    {"export", "every number for pandas and SQL: CSV, JSON lines, SQLite", AddExport},
    {"bundle", "one archive to hand in: study, records, report, figures, manifest", AddBundle},
    {"schema", "the JSON Schema of study files, for editors", AddSchema},
    {"selftest", "how far the measuring itself can be trusted, on this machine", AddSelfTest},
    {"roofline", "what this device can do at most, and what models can gain", AddRoofline},
    {"doctor", "what this device can do, and what disturbs measuring", AddDoctor},
    {"payoff", "which recipe pays for which layers on this device", AddPayoff},
});

constexpr std::string_view kSummary =
    "quantbench: what does quantizing this model buy on this device, and what does it cost?";
constexpr std::string_view kExamples =
    "  quantbench new model.onnx -o study.toml\n"
    "  quantbench run study.toml\n"
    "  quantbench inspect model.onnx\n"
    "  quantbench quantize model.onnx --recipe static-int8 --calibrate images.toml -o "
    "model.int8.onnx\n"
    "  quantbench bench model.onnx model.int8.onnx --batch 1,2,4,8\n"
    "  quantbench eval model.onnx model.int8.onnx --data images.toml\n"
    "  quantbench selftest --sessions 20";
constexpr std::string_view kExitCodes =
    "Exit codes: 0 done; 1 a gate was missed; 2 usage or study error; 3 finished, but cases "
    "failed;\n"
    "4 machine or disk; 5 bad model or data refused; 70 our bug.";

// Lists a command by the first line of its description; the rest belongs to its own help.
class OneLineFormatter final : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* sub) const override {
    const std::string description = sub->get_description();
    return Format("  {:<10} {}\n", sub->get_name(), description.substr(0, description.find('\n')));
  }
};

// The parser's own message, and the command that was probably meant.
Error UsageError(const CLI::ParseError& error, int argc, char** argv) {
  std::string message = error.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::vector<std::string_view> names;
  names.reserve(kCommands.size());
  for (const CommandEntry& command : kCommands) names.push_back(command.name);
  const std::string_view word = argc > 1 ? argv[1] : "";
  const bool known = std::find(names.begin(), names.end(), word) != names.end();
  if (const auto nearest = Nearest(word, names); !known && !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return {ErrorCode::kInvalidArgument, message + " (see --help)"};
}

int Run(int argc, char** argv) {
  Terminal terminal;
  CLI::App app;
  Describe(app, kSummary, kExamples);
  app.footer(std::string(kExitCodes));
  app.set_version_flag("--version", std::string("quantbench ") + QB_VERSION);
  app.require_subcommand(1);
  app.formatter(std::make_shared<OneLineFormatter>());
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const CommandEntry& command : kCommands) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    actions.emplace_back(sub, command.add(*sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return terminal.Fail(UsageError(error, argc, argv));
  }
  for (const auto& [sub, action] : actions) {
    if (sub->parsed()) return action(terminal);
  }
  return kExitInternal;
}

}  // namespace

int Main(int argc, char** argv) {
  // A reader that closes our stdout (`| head`) is not an error worth dying of.
  signal(SIGPIPE, SIG_IGN);
  if (argc == 2 && std::string_view(argv[1]) == "__worker") return ServeWorker();
  try {
    return Run(argc, argv);
  } catch (const std::exception& exception) {
    Terminal terminal;
    return terminal.Fail(Error(ErrorCode::kInternal, Format("bug: {}", exception.what())));
  }
}

}  // namespace quantbench

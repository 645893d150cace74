// quantbench new, quantbench check: a study file before anything runs.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct NewFlags {
  std::vector<std::string> models;
  std::string output;
  bool force = false;
};

// Beside a study: the first line of a draft names it.
constexpr const char* kSchemaFile = "study.schema.json";

std::string SchemaText() {
  return StudySchema().Dump(2) + "\n";
}

// A draft for a pipe: what it names lies as if the study stood in the present folder.
int PrintDraft(const NewFlags& flags, Terminal& terminal) {
  const auto text = DraftStudy({flags.models.begin(), flags.models.end()}, "study.toml");
  if (!text.ok()) return terminal.Fail(text.error());
  terminal.Print(text.value());
  return kExitDone;
}

int New(const NewFlags& flags, Terminal& terminal) {
  if (flags.output == "-") return PrintDraft(flags, terminal);
  std::error_code ignored;
  if (!flags.force && std::filesystem::exists(flags.output, ignored)) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument,
                               Format("{}: exists already; --force replaces it", flags.output)));
  }
  const auto text = DraftStudy({flags.models.begin(), flags.models.end()}, flags.output);
  if (!text.ok()) return terminal.Fail(text.error());
  if (const Status status = WriteFileAtomic(flags.output, text.value()); !status.ok()) {
    return terminal.Fail(status.error());
  }
  const auto schema = std::filesystem::path(flags.output).parent_path() / kSchemaFile;
  if (const Status status = WriteFileAtomic(schema, SchemaText()); !status.ok()) {
    return terminal.Fail(status.error());
  }
  const auto lines = std::count(text.value().begin(), text.value().end(), '\n');
  terminal.Note(Format("{}: for editors: keys, values and what they mean", schema.string()));
  terminal.Note(Format("{}: {} lines; complete what says \"fill in\", then: quantbench check {}",
                       flags.output, lines, flags.output));
  return kExitDone;
}

int Check(const std::string& path, Terminal& terminal) {
  const auto loaded = LoadStudy(path);
  if (!loaded.ok()) return terminal.Fail(loaded.error());
  const Study& study = loaded.value();
  const std::vector<Case> cases = Expand(study);
  const auto without_data =
      std::count_if(study.models.begin(), study.models.end(),
                    [](const StudyModel& model) { return model.data.empty(); });
  std::string text =
      Format("{}: no mistake; {} models, {} variants, {} hypotheses, {} cases\n", path,
             study.models.size(), study.variants.size(), study.hypotheses.size(), cases.size());
  text += ExpectedEffort(study) + "\n";
  if (without_data > 0) {
    text +=
        Format("{} of the models have no data: synthetic input, and no accuracy\n", without_data);
  }
  if (study.hypotheses.empty()) text += "no hypothesis is written down\n";
  terminal.Print(text);
  return kExitDone;
}

}  // namespace

Action AddNew(CLI::App& app) {
  auto flags = std::make_shared<NewFlags>();
  Describe(
      app,
      "Writes a study file for models: their inputs, free dimensions, likely data and variants "
      "are\nfilled in, what only you know is marked \"fill in\". Beside it study.schema.json, by "
      "which editors\ncomplete and explain the keys.",
      "  quantbench new mobilenet.onnx -o study.toml\n"
      "  quantbench new bert.onnx gpt2.onnx resnet.onnx -o study.toml");
  app.add_option("models", flags->models, ".onnx files")->required();
  app.add_option("-o,--output", flags->output, "the study file; - is stdout")->required();
  app.add_flag("--force", flags->force, "replace an existing file");
  return [flags](Terminal& terminal) { return New(*flags, terminal); };
}

Action AddSchema(CLI::App& app) {
  Describe(app,
           "Prints the JSON Schema of study files. With \"#:schema ./study.schema.json\" as the "
           "first line of a\nstudy, editors that know TOML complete and explain every key.",
           "  quantbench schema > study.schema.json");
  return [](Terminal& terminal) { return terminal.Print(SchemaText()) ? kExitDone : kExitMachine; };
}

Action AddCheck(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  Describe(app,
           "Finds every mistake of a study file at once, with line, column and the nearest known "
           "word, or\nsays what it would do and about how long that takes.",
           "  quantbench check study.toml");
  app.add_option("study", *path, "the study, a TOML file")->required();
  return [path](Terminal& terminal) { return Check(*path, terminal); };
}

}  // namespace quantbench

// Commands: each adds its flags to the parser and, when it was chosen, translates them to one call.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/report.h"
#include "quantbench/run.h"

#include "cli/terminal.h"

namespace quantbench {

// What runs when the command was chosen; returns the exit code.
using Action = std::function<int(Terminal&)>;

// A command adds itself to `app` (its flags are owned by the action) and returns its action.
struct CommandEntry {
  std::string_view name;
  std::string_view summary;
  Action (*add)(CLI::App& app);
};

Action AddNew(CLI::App& app);
Action AddCheck(CLI::App& app);
Action AddRun(CLI::App& app);
Action AddInspect(CLI::App& app);
Action AddQuantize(CLI::App& app);
Action AddCalibrate(CLI::App& app);
Action AddExplain(CLI::App& app);
Action AddBench(CLI::App& app);
Action AddEval(CLI::App& app);
Action AddEnergy(CLI::App& app);
Action AddReport(CLI::App& app);
Action AddExport(CLI::App& app);
Action AddBundle(CLI::App& app);
Action AddSchema(CLI::App& app);
Action AddSelfTest(CLI::App& app);
Action AddRoofline(CLI::App& app);
Action AddDoctor(CLI::App& app);
Action AddPayoff(CLI::App& app);

// Flags that several commands share: one name, one default, one doc string.
struct OutputFlag {
  std::string name = "table";
  void Add(CLI::App& app, const std::string& flags);
  [[nodiscard]] OutputFormat format() const;  // the parser has checked the name
};

struct WorkerFlags {
  std::string engine;
  TorchSettings torch;
  std::int64_t timeout_s = 600;
  std::uint64_t memory_bytes = 0;
  void Add(CLI::App& app);
  [[nodiscard]] WorkerOptions Options() const;
};

// How a model is fed: data, or values for synthetic input.
struct InputFlags {
  std::vector<std::string> dims;       // "seq=32"
  std::vector<std::string> constants;  // "sr=16000", "x=float32[batch,3,224,224]"
  std::int64_t vocabulary = 1000;
  void Add(CLI::App& app);
  // kInvalidArgument for a malformed pair, naming it.
  [[nodiscard]] Result<DimValues> Dims() const;
  // The same where a dimension may have several values: --dim seq=16,32,64.
  [[nodiscard]] Result<std::map<std::string, std::vector<std::int64_t>>> DimLists() const;
  [[nodiscard]] Result<std::map<std::string, double>> Constants() const;
  // Those of --input that state a type and shape.
  [[nodiscard]] Result<std::vector<InputSpec>> Stated() const;
};

// How ranges are observed.
struct CalibrationFlags {
  std::string data;
  std::string samples = "128";
  std::string observer;  // empty: the recipe's
  double percentile = ObserverOptions().percentile;
  std::uint64_t memory_bytes = CalibrationSettings().memory_bytes;
  // `data_flag`: "--calibrate" or "--data".
  void Add(CLI::App& app, const std::string& data_flag);
  // kInvalidArgument for samples that are neither a number nor "auto".
  [[nodiscard]] Result<CalibrationSettings> Settings() const;
  // Absent: synthetic input.
  [[nodiscard]] Result<std::optional<DataSpec>> Data() const;
};

// A study and what was measured for it.
struct ResultsFlags {
  std::string study;                // a TOML file, or the folder "results" beside study.toml
  std::string results;              // empty: results beside the study
  CLI::Option* Add(CLI::App& app);  // the study's option, required
  [[nodiscard]] std::filesystem::path StudyFile() const;
  [[nodiscard]] std::filesystem::path Folder() const;
};
struct StudyResults {
  std::filesystem::path folder;
  std::vector<Record> records;
  Analysis analysis;
};
// Reads study and records and analyses them. kNotFound where there are no records. What is wrong
// with single records is told.
[[nodiscard]] Result<StudyResults> ReadResults(const Study& study,
                                               const std::filesystem::path& folder,
                                               Terminal& terminal);
[[nodiscard]] Result<StudyResults> ReadResults(const ResultsFlags& flags, Terminal& terminal);

// Sets the command's help: what it does, then examples, before the flags.
void Describe(CLI::App& app, std::string_view summary, std::string_view examples);

// Analyses the records in `results`, writes the report there, prints the summary and the page's
// path.
int ShowReport(const Study& study, const std::filesystem::path& results, OutputFormat format,
               Terminal& terminal);

// A study of files given on a command line: the first is the original, the others its variants.
// Lets bench and eval speak through the same analysis and tables as `run`.
Study AdHocStudy(const std::vector<std::string>& files);
// A record of that study.
Record AdHocRecord(Case what, CaseOutcome outcome);
// Puts the file names back where the study said "original" and variant ids.
void NameArmsByFile(const std::vector<std::string>& files, Analysis* analysis);

}  // namespace quantbench

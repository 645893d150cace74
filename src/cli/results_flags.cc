// The study of a command that reads results, and what was measured for it.
#include <filesystem>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {

namespace fs = std::filesystem;

CLI::Option* ResultsFlags::Add(CLI::App& app) {
  app.add_option("--results", results,
                 "folder of records and report (default: results beside the study)");
  return app
      .add_option("study", study,
                  "the study, a TOML file, or the folder of results beside study.toml")
      ->required();
}

fs::path ResultsFlags::StudyFile() const {
  std::error_code ignored;
  fs::path given(study);
  if (!fs::is_directory(given, ignored)) return given;
  return (fs::absolute(given, ignored) / "").lexically_normal().parent_path().parent_path() /
         "study.toml";
}

fs::path ResultsFlags::Folder() const {
  if (!results.empty()) return results;
  std::error_code ignored;
  const fs::path given(study);
  return fs::is_directory(given, ignored) ? given : given.parent_path() / "results";
}

Result<StudyResults> ReadResults(const Study& study, const fs::path& folder, Terminal& terminal) {
  std::error_code ignored;
  if (!fs::is_directory(folder / "records", ignored)) {
    return Error(ErrorCode::kNotFound,
                 Format("{}: no records here; quantbench run makes them", folder.string()));
  }
  StudyResults read;
  read.folder = folder;
  std::vector<std::string> problems;
  QB_TRY(read.records, Store::Peek(folder, &problems));
  for (const std::string& problem : problems) terminal.Note(problem);
  read.analysis = Analyse(study, read.records, ReadFrozen(folder));
  return read;
}

Result<StudyResults> ReadResults(const ResultsFlags& flags, Terminal& terminal) {
  QB_TRY(const Study study, LoadStudy(flags.StudyFile()));
  return ReadResults(study, flags.Folder(), terminal);
}

}  // namespace quantbench

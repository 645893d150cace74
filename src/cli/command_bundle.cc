// quantbench bundle: one archive to hand in, and whether one is whole.
#include <filesystem>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/export.h"

#include "cli/command.h"
#include "cli/output_file.h"

namespace quantbench {
namespace {

struct BundleFlags {
  ResultsFlags results;
  std::string output;
  std::string verify;
  BundleOptions options;
};

int Verify(const std::string& path, Terminal& terminal) {
  const auto bundle = VerifyBundle(path);
  if (!bundle.ok()) return terminal.Fail(bundle.error());
  terminal.Print(Format("{}: {} files, all as the manifest says\n", Printable(path, 1000),
                        bundle.value().files.size()));
  return kExitDone;
}

Result<Bundle> Pack(const BundleFlags& flags, Terminal& terminal) {
  QB_TRY(const Study study, LoadStudy(flags.results.StudyFile()));
  QB_TRY(const StudyResults read, ReadResults(study, flags.results.Folder(), terminal));
  QB_TRY(const Report report, WriteReport(read.analysis, read.folder));
  if (!report.missing.empty()) terminal.Note(report.missing);
  return PackBundle(study, read.folder, flags.output, flags.options);
}

int RunBundle(const BundleFlags& flags, Terminal& terminal) {
  if (!flags.verify.empty()) return Verify(flags.verify, terminal);
  if (flags.results.study.empty() || flags.output.empty()) {
    return terminal.Fail(
        Error(ErrorCode::kInvalidArgument, "bundle needs a study and -o FILE, or --verify FILE"));
  }
  const Status named = RefuseStdout(flags.output, "an archive");
  if (!named.ok()) return terminal.Fail(named.error());
  const auto bundle = Pack(flags, terminal);
  if (!bundle.ok()) return terminal.Fail(bundle.error());
  std::uint64_t bytes = 0;
  for (const BundleFile& file : bundle.value().files) bytes += file.bytes;
  terminal.Print(flags.output + "\n");
  terminal.Note(
      Format("{} files of {} and a manifest; the records name this machine's processor, "
             "memory and system",
             bundle.value().files.size(), FormatBytes(bytes)));
  for (const std::string& note : bundle.value().notes) terminal.Note(note);
  if (!flags.options.with_models)
    terminal.Note("models and data are left out; --with-models packs the models");
  return kExitDone;
}

}  // namespace

Action AddBundle(CLI::App& app) {
  auto flags = std::make_shared<BundleFlags>();
  Describe(app,
           "Makes the report again and packs it with the study file, every record, figures and "
           "tables, and a\nmanifest of SHA-256 hashes. The same files make the same bytes.",
           "  quantbench bundle study.toml -o study.zip\n"
           "  quantbench bundle study.toml --results results-pi -o study.tar.gz --with-models\n"
           "  quantbench bundle --verify study.zip");
  flags->results.Add(app)->required(false);
  app.add_option("-o,--output", flags->output, "the archive: .zip, .tar.gz or .tgz");
  app.add_flag("--with-models", flags->options.with_models, "also the originals and the variants");
  app.add_flag("--with-host", flags->options.with_host,
               "keep folders of this machine in texts, and name it in the manifest");
  app.add_option("--verify", flags->verify,
                 "compare every file of an archive with its manifest, without unpacking it");
  return [flags](Terminal& terminal) { return RunBundle(*flags, terminal); };
}

}  // namespace quantbench

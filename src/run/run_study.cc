// Running a study: every case that has no record, in order, each recorded at once.
#include <algorithm>
#include <map>
#include <set>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "run/case_words.h"
#include "run/cell_journal.h"
#include "run/study_case.h"
#include "run/sweep_order.h"
#include "run/variant_files.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFrozenFile = "hypotheses.json";
constexpr const char* kPeaksFile = "peaks.json";

bool IsFailure(Outcome outcome) {
  return outcome != Outcome::kOk && outcome != Outcome::kSkipped;
}

// The ONNX Runtime that workers open.
Status AddOnnxRuntime(const WorkerOptions& worker, Json* environment) {
  SilentProgress silent;
  const WorkerResult engine =
      RunWorker(Json::MakeObject().Set("op", "describe-engine"), worker, silent);
  if (engine.outcome != Outcome::kOk) {
    const bool failed = engine.outcome == Outcome::kFailed;  // else the library is no good
    return Error(failed ? engine.code : ErrorCode::kUnavailable,
                 Format("opening the engine: {}", engine.reason));
  }
  environment->Set("engine", engine.reply["name"]).Set("engine_version", engine.reply["version"]);
  return Ok();
}

// The libtorch that workers open, one fact a key.
Status AddTorch(const WorkerOptions& worker, Json* environment) {
  QB_TRY(const Json facts, DescribeTorchEngine(worker));
  if (!environment->Has("engine")) {
    environment->Set("engine", "libtorch").Set("engine_version", facts["version"]);
  }
  for (const char* key : {"version", "device", "quantized_engine", "freeze", "onednn",
                          "cuda_devices", "blas", "blas_file", "blas_gflops"}) {
    environment->Set(Format("torch_{}", key), facts[key]);
  }
  return Ok();
}

// The environment of this run, with the engines that its models need.
Result<Json> EnvironmentOf(const Study& study, const WorkerOptions& worker) {
  const std::vector<fs::path> files = NamedFiles(study);
  const auto torch = std::count_if(files.begin(), files.end(), IsTorchScript);
  Json environment = DescribeEnvironment();
  if (torch < std::ssize(files)) {
    QB_OK(AddOnnxRuntime(worker, &environment));
  }
  if (torch > 0) {
    QB_OK(AddTorch(worker, &environment));
  }
  return environment;
}

// Writes down, once and for each hypothesis, what was claimed before anything was measured.
Status Freeze(const Study& study, const fs::path& results) {
  Json frozen = ReadFrozen(results);
  Json hashes = frozen["hypotheses"];
  if (hashes.is_null()) hashes = Json::MakeObject();
  bool changed = frozen.is_null();
  for (const Hypothesis& hypothesis : study.hypotheses) {
    if (hashes.Has(hypothesis.id)) continue;
    hashes.Set(
        hypothesis.id,
        Json::MakeObject().Set("sha256", Sha256(hypothesis.ToJson().Dump())).Set("time", UtcNow()));
    changed = true;
  }
  if (!changed) return Ok();
  if (frozen.is_null()) frozen = Json::MakeObject().Set("time", UtcNow());
  frozen.Set("hypotheses", std::move(hashes));
  return WriteFileAtomic(results / kFrozenFile, frozen.Dump(2) + "\n");
}

// What the peaks belong to: another device, or fewer of its cores, has others.
Json DeviceOf(const Json& environment) {
  Json device;
  for (const char* key : {"cpu", "machine", "isa", "cores"}) device.Set(key, environment[key]);
  return device;
}

// Measured once for the folder and the device, so that all records have the same.
Result<DevicePeaks> PeaksOf(const fs::path& results, const Json& environment, Progress& progress) {
  const Json device = DeviceOf(environment);
  if (const auto text = ReadFile(results / kPeaksFile, 1U << 20U); text.ok()) {
    const auto json = Json::Parse(text.value());
    if (json.ok() && json.value()["device"] == device) {
      auto known = DevicePeaks::FromJson(json.value()["peaks"]);
      if (known.ok()) return known;
    }
  }
  PeakOptions options;
  options.budget_ns = kPeaksBesideMeasuringNs;
  DevicePeaks peaks = MeasurePeaks(options, progress);
  if (peaks.is_doubtful()) {
    progress.Note(
        "the machine was busy while its peaks were measured: bounds of speed-ups may be a little "
        "off");
  }
  const Json file = Json::MakeObject().Set("device", device).Set("peaks", peaks.ToJson());
  QB_OK(WriteFileAtomic(results / kPeaksFile, file.Dump(2) + "\n"));
  return peaks;
}

std::map<fs::path, std::string> HashFiles(const Study& study) {
  std::map<fs::path, std::string> hashes;
  for (const fs::path& path : NamedFiles(study)) {
    if (hashes.contains(path)) continue;
    const auto file = MappedFile::Open(path);
    hashes[path] = file.ok() ? Sha256(file.value()->text()) : "";
  }
  return hashes;
}

// Whether something of the case is missing: it failed, it was skipped, or one of its arms was.
bool IsIncomplete(const Record& record) {
  const Json::Array& arms = record.results["arms"].AsArray();
  return record.outcome != Outcome::kOk ||
         std::any_of(arms.begin(), arms.end(), [](const Json& arm) {
           return arm["outcome"].AsString() != Name(Outcome::kOk);
         });
}

// How a case ended in an earlier run.
struct Earlier {
  Outcome outcome = Outcome::kOk;
  std::string reason;
};

// Records whose work need not be done again, by key.
Result<std::map<std::string, Earlier>> Finished(const StudyContext& context, const Store& store,
                                                Progress& progress) {
  std::vector<std::string> problems;
  QB_TRY(const std::vector<Record> records, store.ReadAll(&problems));
  for (const std::string& problem : problems) progress.Note(problem);
  std::map<std::string, Earlier> finished;
  for (const Record& record : records) {
    const bool again = context.options->retry_failed && IsIncomplete(record);
    if (!again && StillThere(context, record)) {
      finished[record.key] = {record.outcome, record.reason};
    }
  }
  return finished;
}

// "[2/40] measure cnn, batch 1, 1 thread: crashed: ...".
std::string Line(const Case& work, const Earlier& end, std::int64_t number, std::int64_t total) {
  std::string line = Format("[{}/{}] {}", number, total, work.Describe());
  if (end.outcome != Outcome::kOk) {
    line += Format(": {}: {}", Name(end.outcome), Printable(end.reason, 600));
  }
  return line;
}

// The cases that what the sweep found asks for; the same ones however often they were begun.
Result<std::vector<Case>> AddedCases(const Study& study, const Store& store) {
  std::vector<std::string> told;  // of these problems
  QB_TRY(std::vector<Record> records, store.ReadAll(&told));
  std::erase_if(records, [](const Record& record) { return record.what.cell.added; });
  return CellsToAdd(Analyse(study, records, nullptr));
}

// Does cases that have no record, one after the other.
class CaseLoop {
 public:
  CaseLoop(const StudyContext& context, const std::map<std::string, Earlier>& finished,
           Store* store, Progress& progress)
      : context_(context), finished_(finished), store_(store), progress_(progress) {}

  Status Do(const std::vector<Case>& cases) {
    outcome_.cases += std::ssize(cases);
    for (const Case& work : cases) {
      ++number_;
      const auto known = finished_.find(KeyOf(context_, work));
      if (known != finished_.end()) {
        Resume(work, known->second);
        continue;
      }
      const std::string name = Format("[{}/{}] {}", number_, outcome_.cases, work.Describe());
      progress_.Update(name, 0, 0);
      CaseProgress within(name, &progress_);
      const Record record = RunCase(context_, work, within);
      QB_OK(store_->Write(record));
      ++outcome_.done;
      outcome_.failed += IsFailure(record.outcome) ? 1 : 0;
      const std::string found = FoundIn(*context_.study, record);
      progress_.Note(Line(work, {record.outcome, record.reason}, number_, outcome_.cases) +
                     (found.empty() ? "" : ": " + found));
    }
    return Ok();
  }
  [[nodiscard]] const StudyOutcome& outcome() const { return outcome_; }

 private:
  void Resume(const Case& work, const Earlier& end) {
    ++outcome_.resumed;
    if (!IsFailure(end.outcome)) return;
    ++outcome_.failed;
    progress_.Note(Line(work, end, number_, outcome_.cases) + " (in an earlier run)");
  }

  const StudyContext& context_;
  const std::map<std::string, Earlier>& finished_;
  Store* store_;
  Progress& progress_;
  StudyOutcome outcome_;
  std::int64_t number_ = 0;
};

}  // namespace

Json ReadFrozen(const fs::path& results) {
  auto text = ReadFile(results / kFrozenFile, 16U << 20U);
  if (!text.ok()) return nullptr;
  auto json = Json::Parse(text.value());
  return json.ok() ? std::move(json).value() : Json();
}

Result<StudyOutcome> RunStudy(const Study& study, const RunStudyOptions& options,
                              Progress& progress) {
  QB_OK(MakeFolders(options.results / "models"));
  QB_OK(MakeFolders(options.results / kUnfinished));
  progress.Note(ExpectedEffort(study));
  QB_TRY(Store store, Store::Open(options.results));
  StudyContext context;
  context.study = &study;
  context.options = &options;
  std::map<std::string, MemoryForecast> forecasts;
  context.forecasts = &forecasts;
  WorkerOptions worker = options.worker;
  worker.torch = worker.torch.Over(study.torch);
  QB_TRY(context.environment, EnvironmentOf(study, worker));
  context.hashes = HashFiles(study);
  QB_OK(Freeze(study, options.results));
  QB_TRY(context.peaks, PeaksOf(options.results, context.environment, progress));
  context.environment.Set("peaks", context.peaks->ToJson());
  for (const std::string& note : TorchNotes(NamedFiles(study), context.peaks, worker)) {
    progress.Note(note);
  }
  QB_TRY(const auto finished, Finished(context, store, progress));

  std::vector<Case> cases = Expand(study);
  OrderMeasurements(&cases, study.latency.seed);
  CaseLoop loop(context, finished, &store, progress);
  QB_OK(loop.Do(cases));
  if (study.sweep.densify && study.sweep.batch.size() > 1) {
    QB_TRY(const std::vector<Case> added, AddedCases(study, store));
    QB_OK(loop.Do(added));
  }
  std::error_code ignored;
  fs::remove(options.results / kUnfinished, ignored);  // where nothing is left in it
  return loop.outcome();
}

}  // namespace quantbench

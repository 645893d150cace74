// Calibrating: activations watched in a worker, tables kept in files.
#include "run/calibrate_model.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "run/arms.h"
#include "run/calibrate_request.h"
#include "run/protocol.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTableFormat = "quantbench calibration table";
constexpr std::string_view kPartialFormat = "quantbench unfinished calibration";
constexpr std::int64_t kTableVersion = 1;
// Keeping what was seen may take one part in so many of the time.
constexpr std::int64_t kCheckpointShare = 50;

bool HasWideCodes(const std::vector<Treatment>& treatments) {
  return std::any_of(treatments.begin(), treatments.end(), [](const Treatment& treatment) {
    return BitsPerElement(treatment.activations) == 16;
  });
}

Json RequestFor(const QuantizeOptions& options) {
  return Json::MakeObject()
      .Set("op", "calibrate")
      .Set("path", options.model.string())
      .Set("recipe", options.recipe.ToJson())
      .Set("input", ToJson(InputOf(options)))
      .Set("settings", SettingsFor(options).ToJson())
      .Set("threads", options.threads);
}

Result<std::string> HashOfModel(const fs::path& path) {
  QB_TRY(const auto file, MappedFile::Open(path));
  return Sha256(file->text());
}

// Keeps what was seen in a file while it grows, and finds it again.
class Checkpoints {
 public:
  Checkpoints(fs::path path, std::string key) : path_(std::move(path)), key_(std::move(key)) {}

  // Nothing when there is none, or one of other options, or a torn one.
  [[nodiscard]] std::optional<CalibrationStatistics> Find() const {
    if (path_.empty()) return std::nullopt;
    const auto text = ReadFile(path_);
    if (!text.ok()) return std::nullopt;
    const auto json = Json::Parse(text.value());
    if (!json.ok() || json.value()["format"].AsString() != kPartialFormat) return std::nullopt;
    if (json.value()["key"].AsString() != key_) return std::nullopt;
    auto seen = CalibrationStatistics::FromJson(json.value()["statistics"]);
    if (!seen.ok()) return std::nullopt;
    return std::move(seen).value();
  }

  // After the first sample, and then as often as its cost allows: a kill loses little, on a fast
  // disk and on a slow one.
  Status Keep(const CalibrationStatistics& seen) {
    const std::int64_t begin = SystemClock().NowNs();
    if (path_.empty() || begin < next_ns_) return Ok();
    const Json json = Json::MakeObject()
                          .Set("format", kPartialFormat)
                          .Set("key", key_)
                          .Set("statistics", seen.ToJson());
    QB_OK(WriteFileAtomic(path_, json.Dump() + "\n"));
    const std::int64_t end = SystemClock().NowNs();
    next_ns_ = end + kCheckpointShare * (end - begin);
    return Ok();
  }

 private:
  fs::path path_;
  std::string key_;
  std::int64_t next_ns_ = 0;
};

Error NotATable(const fs::path& path, std::string_view why) {
  return {ErrorCode::kMalformed,
          Format("{}: not a calibration table of this version: {}", path.string(), why)};
}

Status WriteTable(const QuantizeOptions& options, const CalibrationStatistics& seen,
                  const std::string& model_hash) {
  CalibrationStatistics kept = seen;
  kept.looked.clear();  // only of use to one that goes on
  const Json json = Json::MakeObject()
                        .Set("format", kTableFormat)
                        .Set("version", kTableVersion)
                        .Set("quantbench", QB_VERSION)
                        .Set("model", options.model.filename().string())
                        .Set("model_sha256", model_hash)
                        .Set("recipe", options.recipe.name)
                        .Set("statistics", kept.ToJson());
  return WriteFileAtomic(options.output, json.Dump() + "\n");
}

// What a person should know of how it went.
void Tell(const CalibrationTable& table, const CalibrationSettings& settings, Progress& progress) {
  if (!table.skipped.empty()) {
    progress.Note(Format("left out {} sample{} that could not be used; the first: {}",
                         table.skipped.size(), table.skipped.size() == 1 ? "" : "s",
                         table.skipped.front().reason));
  }
  if (!settings.until_stable) return;
  progress.Note(table.stable
                    ? Format("scales settled: {} samples were enough", table.samples)
                    : Format("scales had not settled after all {} samples", table.samples));
}

Status CheckOutput(const QuantizeOptions& options) {
  std::error_code ignored;
  if (fs::exists(options.output, ignored) && !options.force) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: exists already; --force replaces it", options.output.string()));
  }
  if (options.recipe.needs_calibration()) return Ok();
  return Error(ErrorCode::kInvalidArgument,
               Format("recipe \"{}\" needs no calibration", options.recipe.name));
}

}  // namespace

// The recipe's observer, unless one was asked for; those that look at codes look at those that the
// recipe makes.
CalibrationSettings SettingsFor(const QuantizeOptions& options) {
  CalibrationSettings settings = options.calibration;
  const Recipe& recipe = options.recipe;
  if (!settings.observer_asked) settings.observer.observer = recipe.observer;
  const bool wide = HasWideCodes(recipe.choices) ||
                    std::any_of(recipe.rules.begin(), recipe.rules.end(),
                                [](const RecipeRule& rule) { return HasWideCodes(rule.choices); });
  settings.observer.levels = wide ? 65536 : 256;
  return settings;
}

Result<CalibrationStatistics> ReadCalibrationTable(const fs::path& path, const fs::path& model) {
  QB_TRY(const std::string text, ReadFile(path));
  const auto json = Json::Parse(text);
  if (!json.ok()) return NotATable(path, json.error().message());
  if (json.value()["format"].AsString() != kTableFormat ||
      json.value()["version"].AsInt() != kTableVersion) {
    return NotATable(path, "no such format");
  }
  QB_TRY(const std::string hash, HashOfModel(model));
  if (json.value()["model_sha256"].AsString() != hash) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: made for another model than {}", path.string(), model.string()));
  }
  auto seen = CalibrationStatistics::FromJson(json.value()["statistics"]);
  if (!seen.ok()) return seen.error().Within(path.string());
  return seen;
}

Result<Json> CalibrateInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const CalibrateRequest work, CalibrateRequest::Of(request));
  Checkpoints checkpoints(request["checkpoint"].AsString(), request["key"].AsString());
  const std::optional<CalibrationStatistics> before = checkpoints.Find();
  CalibrateOptions options = work.Options();
  options.histograms = request["histograms"].AsBool();
  options.resume = before ? &*before : nullptr;
  options.checkpoint = [&](const CalibrationStatistics& seen) { return checkpoints.Keep(seen); };
  QB_TRY(const CalibrationStatistics seen, work.Observe(options, engine, progress));
  Json reply = Json::MakeObject().Set("resumed", before ? before->samples : 0);
  if (options.histograms) return reply.Set("statistics", seen.ToJson());
  QB_TRY(const CalibrationTable table, ChooseRanges(seen, work.settings.observer));
  return reply.Set("table", table.ToJson());
}

Result<QuantizeCalibration> CalibrateFor(const QuantizeOptions& options,
                                         const WorkerOptions& worker, Progress& progress) {
  QuantizeCalibration calibration;
  if (!options.table.empty()) {
    QB_TRY(const CalibrationStatistics seen, ReadCalibrationTable(options.table, options.model));
    QB_TRY(calibration.table, ChooseRanges(seen, SettingsFor(options).observer));
    return calibration;
  }
  const WorkerResult result = RunWorker(RequestFor(options), worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("calibrating {}: {}", options.model.string(), result.reason));
  }
  QB_TRY(calibration.table, CalibrationTable::FromJson(result.reply["table"]));
  Tell(calibration.table, options.calibration, progress);
  calibration.peak_bytes = result.peak_bytes;
  return calibration;
}

Result<CalibrateOutcome> CalibrateModel(const QuantizeOptions& options, const WorkerOptions& worker,
                                        Progress& progress) {
  QB_OK(CheckOutput(options));
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(const std::string hash, HashOfModel(options.model));
  const fs::path partial(options.output.string() + ".partial");
  Json request = RequestFor(options);
  request.Set("histograms", true);
  const std::string key = Sha256(request.Dump() + hash + QB_VERSION);
  request.Set("checkpoint", partial.string()).Set("key", key);
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("calibrating {}: {}", options.model.string(), result.reason));
  }
  CalibrateOutcome outcome;
  QB_TRY(outcome.seen, CalibrationStatistics::FromJson(result.reply["statistics"]));
  QB_TRY(outcome.ranges, ChooseRanges(outcome.seen, SettingsFor(options).observer));
  QB_OK(WriteTable(options, outcome.seen, hash));
  Tell(outcome.ranges, options.calibration, progress);
  std::error_code ignored;
  fs::remove(partial, ignored);
  outcome.resumed = result.reply["resumed"].AsInt();
  outcome.peak_bytes = result.peak_bytes;
  outcome.seconds = static_cast<double>(SystemClock().NowNs() - start) * 1e-9;
  return outcome;
}

}  // namespace quantbench

// study: what to try. A TOML file becomes a checked Study, a Study becomes cases.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/measure.h"
#include "quantbench/quantize.h"

namespace quantbench {

struct StudyModel {
  std::string id;
  std::filesystem::path path;  // resolved against the study's folder
  std::string why;
  std::int64_t bits = 0;          // width of its numbers, as its authors say; 0: not said
  std::string data;               // id of a [data.X]; empty: synthetic input only, no accuracy
  std::string calibrate;          // id of the data its variants are calibrated on; empty: `data`
  std::string metric;             // the score that matters; empty: the task's first
  std::vector<InputSpec> inputs;  // of a TorchScript module that does not say what it takes
  DimValues dims;                 // values for free dimensions
  std::map<std::string, double> constants;  // inputs with a fixed value
  std::int64_t vocabulary = 1000;           // of synthetic token ids
};

struct StudyVariant {
  std::string id;
  std::string why;
  std::int64_t bits = 0;     // width that is aimed at, as its authors say; 0: not said
  std::string quantizes;     // what is quantized, in their words
  Recipe recipe;             // "given" where files are
  bool per_channel = false;  // asked for in so many words
  // By model id: files that were quantized elsewhere; empty: the recipe makes them.
  std::map<std::string, std::filesystem::path> given;
  // By model id: what the recipe quantizes in place of the model's own file; may be empty.
  std::map<std::string, std::filesystem::path> from;
  std::string calibrate_data;  // empty: the model's
  CalibrationSettings calibration;
  std::vector<std::string> models;  // empty: all

  [[nodiscard]] bool AppliesTo(std::string_view model) const;  // a model's id
};

struct Sweep {
  std::vector<std::int64_t> batch = {1};
  std::vector<std::int64_t> threads = {1};
  std::map<std::string, std::vector<std::int64_t>> dims;  // by dimension name
  bool densify = true;  // batches are added around ones at which throughput falls
};

// In what way a model is used while it is measured [MLPerf inference, but for the last two].
enum class Scenario : std::uint8_t {
  kSingleStream,  // a pass when the one before has ended
  kOffline,       // samples a second at the batch at which most get through
  kServer,        // passes that arrive by themselves: the highest rate that few are late at
  kSustained,     // for minutes: the first against the last
  kEndToEnd,      // from file to answer, part by part
  kEnergy,        // joules of a pass, between blocks of idling
};
[[nodiscard]] std::string_view Name(Scenario scenario);  // "single-stream", "offline", ...
[[nodiscard]] Result<Scenario> ParseScenario(std::string_view name);

struct ScenarioPlan {
  std::vector<Scenario> scenarios;  // beside single-stream
  std::vector<std::int64_t> batch;  // offline, what is tried; empty: 1, 2, 4, ... 256
  std::int64_t threads = 0;         // 0: offline all, else as the first cell
  double p99_ms = 0;                // server: all but 1 % of the queries take at most so long
  std::int64_t queries = 1000;      // server: of a rate that is tried
  double duration_s = 600;          // sustained
  // Fresh processes of server, each with a search of its own, and of energy.
  std::int64_t processes = 3;
  std::string sensor;           // energy: its name, "meter" for an external one; empty: the best
  double block_s = 5;           // energy: of each block
  std::int64_t rounds = 3;      // energy: of all arms in a process
  double carbon_g_per_kwh = 0;  // stated intensity of the grid; 0: no carbon is estimated

  [[nodiscard]] Json ToJson(Scenario scenario) const;  // what its measuring depends on
};

// What a trade-off may cost at most; 0: no bound.
struct Budget {
  double drop = 0;        // of the metric against the original, as `margin`
  double latency_ms = 0;  // mean, in the model's first cell
  double size_mb = 0;

  friend bool operator==(const Budget&, const Budget&) = default;
};

enum class Metric : std::uint8_t {
  kLatencyRatio,        // latency of arms[0] / latency of arms[1]
  kSizeRatio,           // bytes of arms[0] / bytes of arms[1]
  kAccuracy,            // top-1 of arms[0], 0 to 1
  kAccuracyDifference,  // top-1 of arms[0] - top-1 of arms[1], -1 to 1
  kAgreement,           // share of samples on which arms[0] answers as arms[1]
  kSqnr,                // output SQNR of arms[0] against the original, dB
  kLatency,             // mean of a run of arms[0], ms
  kThroughput,          // samples a second of arms[0], batch over latency
  kMemoryRatio,         // peak of loading and running arms[0] / that of arms[1]
  kOfflineRatio,        // samples a second at each arm's best batch, arms[0] / arms[1]
  kServerRatio,         // queries a second within the target, arms[0] / arms[1]
  kEndToEndRatio,       // time from file to answer, arms[0] / arms[1]
  kEnergyRatio,         // joules of an inference, gross, arms[0] / arms[1]
  kLoadRatio,           // time to load arms[0] / arms[1], process by process
};
[[nodiscard]] std::string_view Name(
    Metric metric);  // "latency.ratio", "size.ratio", "accuracy", ...
[[nodiscard]] Result<Metric> ParseMetric(std::string_view name);

// What is claimed: a region that holds the metric; or, along something, the region that holds its
// slope (of logarithms: 1 is "in proportion"), or that it rises or falls at every step.
enum class Claim : std::uint8_t { kRegion, kSlope, kIncreases, kDecreases };

// "<= 0.667", ">= 1.5", "< 1", "> 0", "0.2..0.3" (both ends included), "1 +- 0.03", "1 +- 3 %";
// "slope 0.9..1.1" and the like; "increases", "decreases".
struct Expectation {
  Claim claim = Claim::kRegion;
  double low = 0;    // -infinity when open
  double high = 0;   // +infinity when open
  std::string text;  // as written
};
[[nodiscard]] Result<Expectation> ParseExpectation(std::string_view text);

inline constexpr std::string_view kAlongArms = "arms";
inline constexpr std::string_view kAlongSize = "size.ratio";
inline constexpr std::string_view kAlongModels = "models";

struct Hypothesis {
  std::string id;
  std::string text;
  std::string why;
  Metric metric = Metric::kLatencyRatio;
  std::vector<std::string> arms;  // variant ids or "original"; one or two, as the metric needs
  Expectation expect;
  // Along what a slope is taken or the metric rises or falls: "batch", "threads", a dimension of
  // the sweep, kAlongArms (from arm to arm, as listed), kAlongSize (over variants: the logarithm
  // of the latency ratio on that of the size ratio) or kAlongModels (the same over the variants of
  // all models together).
  std::string along;
  std::optional<double> confidence;  // that it is supported, 0 to 1: how sure its author is
  bool primary = true;               // counts among those that share the error rate
  // Where it is claimed; empty or absent: everywhere.
  std::string model;
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> threads;
  DimValues dims;

  [[nodiscard]] Json ToJson() const;
};
// Keys of it that do not fit the metric, with what is wrong.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> MistakesOf(
    const Hypothesis& hypothesis);

struct Study {
  std::string title;
  std::vector<std::string> authors;
  std::string group;         // who made it, as a course knows them
  std::string text;          // free text
  std::string difficulties;  // free text: what went wrong, what is strange
  std::string discussion;    // free text: what the results mean
  LatencyPlan latency;       // repetitions = k
  EvaluateOptions evaluate;
  double margin = 0.01;  // a fall of the metric by less than it (relative, where the metric is
                         // not a share) is not worse
  bool until_decided = false;        // evaluations of variants end when `margin` is decided
  std::int64_t natural_batches = 0;  // > 0: latency at natural sizes on that many batches
  Budget budget;
  bool include_data_loading = false;  // measure from file to answer, beside the forward pass
  std::int64_t timeout_s = 600;       // of one worker
  TorchSettings torch;                // of TorchScript models
  std::vector<StudyModel> models;
  std::vector<StudyVariant> variants;
  std::map<std::string, DataSpec> data;
  Sweep sweep;
  ScenarioPlan scenario;
  std::vector<Hypothesis> hypotheses;
  std::filesystem::path file;  // where it was read from

  [[nodiscard]] const StudyModel* FindModel(std::string_view id) const;
  [[nodiscard]] const StudyVariant* FindVariant(std::string_view id) const;
};

inline constexpr std::string_view kOriginal = "original";  // the arm that is the model as given
// Its second copy, loaded and measured beside it in every process: no variant can have this id.
inline constexpr std::string_view kControl = "original'";

// Reads and checks a study. Every mistake is found in one go and they come as one kInvalidArgument
// of one line each: "study.toml:12:3: unknown key \"repetition\"; did you mean \"repetitions\"?".
// Checked: syntax, unknown keys, types, ranges, unknown recipes, metrics and references (with the
// nearest known name), duplicate ids, files that do not exist. Ids: letters, digits, "_", "-", ".".
[[nodiscard]] Result<Study> LoadStudy(const std::filesystem::path& path);
// The same from text; relative paths are taken from `folder`.
[[nodiscard]] Result<Study> ParseStudy(std::string_view text, const std::filesystem::path& file,
                                       const std::filesystem::path& folder);

// The JSON Schema (draft 7) of study files, for editors: every key with its type, its values and
// what it means. Made of what the parser asks for.
[[nodiscard]] Json StudySchema();

// The text of a study of these models, for a person to complete: inputs, free dimensions, likely
// kind of data and vocabulary are read off them, what is a guess or unknown says "fill in".
// ParseStudy takes it as it is. `file`: where it will lie; paths are written relative to it.
// Errors: those of LoadModel.
[[nodiscard]] Result<std::string> DraftStudy(const std::vector<std::filesystem::path>& models,
                                             const std::filesystem::path& file);

// One data set for a command line: a .toml file with the keys of a [data.X] table at its top, or,
// directly, a folder of images, a .npy, an .npz or an IDX file. `id` becomes the file's stem.
[[nodiscard]] Result<DataSpec> LoadDataSpec(const std::filesystem::path& path);

// One set of circumstances under which all arms of a model are measured together.
struct Cell {
  std::int64_t batch = 1;
  std::int64_t threads = 1;  // 0: one a processor
  DimValues dims;
  bool include_data_loading = false;
  Scenario scenario = Scenario::kSingleStream;
  bool added = false;  // not asked for: see CellsToAdd

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Cell> FromJson(const Json& json);
  [[nodiscard]] std::string Describe() const;  // "batch 4, 1 thread, seq 32"
  friend bool operator==(const Cell&, const Cell&) = default;
};

enum class CaseKind : std::uint8_t { kQuantize, kMeasure, kEvaluate, kNatural, kScenario };
[[nodiscard]] std::string_view Name(CaseKind kind);  // "quantize", "measure", "evaluate", ...
[[nodiscard]] Result<CaseKind> ParseCaseKind(std::string_view name);

// One unit of work, one record.
struct Case {
  CaseKind kind = CaseKind::kQuantize;
  std::string model;
  std::string arm;  // variant to make, or arm to evaluate; empty: all arms together
  Cell cell;        // kMeasure, kScenario

  [[nodiscard]] std::string Describe() const;  // "measure mobilenet_v2, batch 4, 1 thread"
};

// Quantizations first, then evaluations, then measurements, model by model in study order; cells by
// rising batch (they are measured in another order); then measurements at natural sizes, then
// scenarios. The original is evaluated too. Models without data have no evaluations, no natural
// sizes and no way from file to answer.
[[nodiscard]] std::vector<Case> Expand(const Study& study);

// What running it may take at most, in words: minutes of measuring (cells by the budget of each;
// cells of slow models need three processes whatever the budget) and megabytes of variants.
[[nodiscard]] std::string ExpectedEffort(const Study& study);

}  // namespace quantbench

// results: what happened, kept as immutable files, one a finished case.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/study.h"

namespace quantbench {

enum class Outcome : std::uint8_t {
  kOk,
  kSkipped,  // not possible here and known before: a fixed batch, a variant that was not made
  kFailed,   // an error with a reason
  kCrashed,  // the worker died of a signal
  kTimedOut,
  kOutOfMemory,
};
[[nodiscard]] std::string_view Name(Outcome outcome);  // "ok", "skipped", "failed", "crashed", ...
[[nodiscard]] Result<Outcome> ParseOutcome(std::string_view name);

inline constexpr std::int64_t kRecordSchema = 2;

// docs/results-format.md describes the file field by field.
struct Record {
  std::string key;  // hash of everything that determines the case: 32 hexadecimal digits
  Case what;
  Outcome outcome = Outcome::kOk;
  std::string reason;   // one line when the outcome is not kOk
  std::string started;  // UTC
  std::string finished;
  Json environment;
  Json settings;  // plan, recipe, data: as requested and as effective
  // kQuantize: {"file", "sha256", "seconds", "peak_bytes", "size": ModelSize, "size_original":
  // ModelSize,
  //             "plan": Plan, "verified", "sqnr_db", "verify_source"}
  // kMeasure:  {"arms": [{"arm", "outcome", "reason", "processes": [LatencySamples]}],
  //             "conditions": [[Conditions]], "widening", "stopped",
  //             "input": "data images" | "synthetic, seed 1", "notes": [..]}
  // kScenario: as docs/results-format.md says, scenario by scenario
  // kEvaluate: {"predictions": Predictions, "data", "batch"}
  Json results;

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Record> FromJson(const Json& json);
};

// A folder of records: <folder>/records/<kind>-<model>-<key>.json, each complete or absent, each
// with the hash of its own content inside. Merging two stores is copying files.
class Store {
 public:
  // Makes the folder where it is missing. kIo when it cannot be written.
  [[nodiscard]] static Result<Store> Open(const std::filesystem::path& folder);

  [[nodiscard]] bool Has(std::string_view key) const;
  // On disk when this returns (temporary name, fsync, rename, fsync of the folder).
  [[nodiscard]] Status Write(const Record& record);
  // Records in a stable order (kind, model, file name). Unreadable files and files with a wrong
  // hash are moved to <folder>/quarantine/ and named in `problems`; records of a newer schema are
  // named, kept and left out. Left-over temporary files are removed.
  [[nodiscard]] Result<std::vector<Record>> ReadAll(std::vector<std::string>* problems) const;
  // The same of a folder that another process may be writing to: nothing is moved, removed or made.
  [[nodiscard]] static Result<std::vector<Record>> Peek(const std::filesystem::path& folder,
                                                        std::vector<std::string>* problems);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit Store(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace quantbench

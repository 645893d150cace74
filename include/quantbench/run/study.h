// Doing all cases of a study.
#pragma once

#include <cstdint>
#include <filesystem>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/run/worker.h"
#include "quantbench/study.h"

namespace quantbench {

struct RunStudyOptions {
  std::filesystem::path results;  // folder
  WorkerOptions worker;
  bool retry_failed = false;  // do again what failed, was skipped, or misses an arm
};

struct StudyOutcome {
  std::int64_t cases = 0;
  std::int64_t resumed = 0;  // had a record already
  std::int64_t done = 0;
  std::int64_t failed = 0;  // of all cases, resumed ones included
};

// Does every case of the study that has no record, in order, and records each at once. Hypotheses
// are frozen (hash and time) before the first measurement. Errors: the study's folder cannot be
// written, no engine; what happens to a case is in its record.
[[nodiscard]] Result<StudyOutcome> RunStudy(const Study& study, const RunStudyOptions& options,
                                            Progress& progress);

// What RunStudy wrote about the hypotheses, null when absent.
[[nodiscard]] Json ReadFrozen(const std::filesystem::path& results);

}  // namespace quantbench

// One case of a study: what determines it, and doing it.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "quantbench/base/status.h"
#include "quantbench/run.h"

#include "run/sweep_order.h"

namespace quantbench {

// What all cases of a run share.
struct StudyContext {
  const Study* study = nullptr;
  const RunStudyOptions* options = nullptr;
  Json environment;  // with the engine's name and version, and the peaks
  std::optional<DevicePeaks> peaks;
  std::map<std::filesystem::path, std::string> hashes;  // SHA-256 of NamedFiles; "": unreadable
  std::map<std::string, MemoryForecast>* forecasts = nullptr;  // by model id

  [[nodiscard]] std::filesystem::path ArmPath(const StudyModel& model, std::string_view arm) const;
  [[nodiscard]] std::string HashOf(const std::filesystem::path& file) const;
};

// Everything that determines the case's result, hashed: the same key means the same question.
std::string KeyOf(const StudyContext& context, const Case& work);

// Does the case; whatever happens becomes the record's outcome. The record has its key.
Record RunCase(const StudyContext& context, const Case& work, Progress& progress);

// Whether what the record stands for is still there: the quantized file of a kQuantize record.
bool StillThere(const StudyContext& context, const Record& record);

}  // namespace quantbench

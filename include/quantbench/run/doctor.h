// What the doctor looks at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "quantbench/base/progress.h"
#include "quantbench/run/worker.h"

namespace quantbench {

struct DoctorItem {
  std::string what;
  std::string value;
  bool fine = true;
  std::string remedy;  // a command or a sentence when not fine; else empty or a remark
};
struct DoctorOptions {
  bool quick = false;  // nothing that takes more than two seconds: no peaks, no measuring of copies
  std::filesystem::path root = "/";  // of the files under /proc and /sys that are looked at
};
// Looks, and changes nothing. The engine's item comes first.
[[nodiscard]] std::vector<DoctorItem> Examine(const DoctorOptions& options,
                                              const WorkerOptions& worker, Progress& progress);

}  // namespace quantbench

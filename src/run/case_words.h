// What a study says of its cases while it runs.
#pragma once

#include <string>

#include "quantbench/analyse.h"
#include "quantbench/base/progress.h"

namespace quantbench {

// What a finished case found, in a few words: "3.81 times smaller", "int8 1.52 x, float16 0.98 x as
// fast", "top1 0.912"; empty where there is nothing to say.
std::string FoundIn(const Study& study, const Record& record);

// The steps of one case, each told with the case it belongs to.
class CaseProgress final : public Progress {
 public:
  // `name`: "[2/40] measure cnn, batch 1, 1 thread".
  CaseProgress(std::string name, Progress* outer) : name_(std::move(name)), outer_(outer) {}
  void Update(std::string_view step, std::int64_t done, std::int64_t total) override;
  void Note(std::string_view line) override { outer_->Note(line); }

 private:
  std::string name_;
  Progress* outer_;
};

}  // namespace quantbench

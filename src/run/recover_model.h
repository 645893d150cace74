// The steps that win accuracy back, with the engine's part in a worker.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/base/status.h"
#include "quantbench/run.h"

namespace quantbench {

// Made-up inputs say nothing about those to come: without calibration data the steps that learn
// from inputs are taken out, with a note.
void LeaveOutUnfed(const QuantizeOptions& options, Recovery* recovery,
                   std::vector<std::string>* notes);

// What the outcome's plan makes of the weights of the prepared model. Adds to its notes and to the
// seconds of calibrating.
[[nodiscard]] Result<Solutions> SolveByWorker(const QuantizeOptions& options,
                                              const WorkerOptions& worker, const Model& prepared,
                                              QuantizeOutcome* outcome, Progress& progress);

// Options whose model is a rewritten one beside the output, removed with this.
class EasedModel {
 public:
  explicit EasedModel(QuantizeOptions options) : options_(std::move(options)) {}
  EasedModel(QuantizeOptions options, std::filesystem::path file)
      : options_(std::move(options)), file_(std::move(file)) {}
  EasedModel(EasedModel&& other) noexcept
      : options_(std::move(other.options_)), file_(std::exchange(other.file_, {})) {}
  EasedModel& operator=(EasedModel&&) = delete;
  EasedModel(const EasedModel&) = delete;
  EasedModel& operator=(const EasedModel&) = delete;
  ~EasedModel();

  [[nodiscard]] const QuantizeOptions& options() const { return options_; }

 private:
  QuantizeOptions options_;
  std::filesystem::path file_;  // empty: nothing was rewritten
};
// Does the rewriting steps; fills the outcome's size before. kInvalidArgument when ranges come from
// a table: it was made for the model as it was.
[[nodiscard]] Result<EasedModel> EaseByWorker(const QuantizeOptions& options,
                                              const WorkerOptions& worker, QuantizeOutcome* outcome,
                                              Progress& progress);

}  // namespace quantbench

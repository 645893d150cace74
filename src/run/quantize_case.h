// One variant of a study: made, or taken as given, and compared with the original.
#pragma once

#include "quantbench/run.h"

namespace quantbench {

// Quantizes by the options' recipe. What it quantizes may be another form of the model, which stays
// what sizes and answers are compared with. Whatever happens becomes the outcome.
CaseOutcome MakeVariant(const QuantizeOptions& options, const StudyModel& model,
                        const WorkerOptions& worker, Progress& progress);
// The same for a file that was made elsewhere, the options' output.
CaseOutcome TakeVariant(const QuantizeOptions& options, const StudyModel& model,
                        const WorkerOptions& worker, Progress& progress);

}  // namespace quantbench

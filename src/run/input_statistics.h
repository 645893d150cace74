// Statistics of layer inputs, seen from the parent: gathered in a worker, read one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

namespace quantbench {

// What a worker gathered, in a file without a name: mapped, not resident. Statistics are read when
// they are wanted.
class GatheredStatistics {
 public:
  [[nodiscard]] std::int64_t size() const;  // one a request, in their order
  [[nodiscard]] Result<InputStatistics> Get(std::int64_t request) const;
  [[nodiscard]] std::int64_t samples() const { return samples_; }

 private:
  friend Result<GatheredStatistics> GatherByWorker(const QuantizeOptions& options,
                                                   const std::vector<InputRequest>& requests,
                                                   const InputStatisticsOptions& gather,
                                                   const WorkerOptions& worker, Progress& progress);
  Json entries_ = Json::Array{};
  std::int64_t samples_ = 0;
  std::shared_ptr<const MappedFile> file_;
};

// The model at options.model, prepared for options.recipe (the same nodes and names as PrepareFor
// gives the caller), over the first samples of options.calibrate.
[[nodiscard]] Result<GatheredStatistics> GatherByWorker(const QuantizeOptions& options,
                                                        const std::vector<InputRequest>& requests,
                                                        const InputStatisticsOptions& gather,
                                                        const WorkerOptions& worker,
                                                        Progress& progress);

}  // namespace quantbench

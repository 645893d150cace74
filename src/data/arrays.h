// Samples of an array, along its first axis.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quantbench/data.h"

namespace quantbench {

// Labels for `samples` samples from .npy, .npz ("file.npz:member" or the member "labels"), or IDX.
Result<std::vector<std::int64_t>> ReadLabels(const std::filesystem::path& path,
                                             std::int64_t samples);

// Kinds "npy", "npz" and "idx".
Result<std::unique_ptr<Dataset>> OpenArrays(const DataSpec& spec,
                                            const std::vector<InputSpec>& inputs);
// Kind "image-folder".
Result<std::unique_ptr<Dataset>> OpenImageFolder(const DataSpec& spec,
                                                 const std::vector<InputSpec>& inputs);

}  // namespace quantbench

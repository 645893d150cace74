// The kinds of data set that have a source of their own (arrays.h has the others).
#pragma once

#include <memory>
#include <vector>

#include "quantbench/data.h"

namespace quantbench {

// Kinds "cifar10" and "cifar100": the binary files of CIFAR, one or a folder of them.
// [A. Krizhevsky, "The CIFAR-10 dataset": <label> or <coarse><fine label>, then 3072 bytes]
Result<std::unique_ptr<Dataset>> OpenCifar(const DataSpec& spec,
                                           const std::vector<InputSpec>& inputs);
// Kind "text": a text or a pair of texts a line, and a class.
Result<std::unique_ptr<Dataset>> OpenText(const DataSpec& spec,
                                          const std::vector<InputSpec>& inputs);
// Kind "tokens": sequences for a language model, which is asked for every next token.
Result<std::unique_ptr<Dataset>> OpenTokens(const DataSpec& spec,
                                            const std::vector<InputSpec>& inputs);
// Kind "audio": WAV files.
Result<std::unique_ptr<Dataset>> OpenAudio(const DataSpec& spec,
                                           const std::vector<InputSpec>& inputs);
// Kind "coco": images with boxes.
Result<std::unique_ptr<Dataset>> OpenCoco(const DataSpec& spec,
                                          const std::vector<InputSpec>& inputs);

}  // namespace quantbench

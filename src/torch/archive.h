// A TorchScript archive in memory.
#pragma once

#include <cstdint>
#include <string>

#include <torch/script.h>

namespace quantbench {

// The module of the archive, for evaluation. `extra` receives the file quantbench.json of the
// archive; "" when there is none. Throws c10::Error.
[[nodiscard]] torch::jit::Module LoadArchive(const void* bytes, std::uint64_t size,
                                             std::string* extra = nullptr);

// "fbgemm", "x86", "onednn", "qnnpack"; those that this libtorch has, the one we prefer first.
[[nodiscard]] std::vector<std::string> QuantizedEngines();
// Makes it the one of this process; "" takes the preferred. Returns the name. Throws when libtorch
// has it not.
std::string UseQuantizedEngine(const std::string& name);

}  // namespace quantbench

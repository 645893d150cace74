// libquantbench_torch.so, opened at run time.
#pragma once

#include <string>
#include <string_view>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"

#include "torch/module_abi.h"

namespace quantbench {

// Opens the first candidate that exists. One module a process.
Result<const QbTorchApi*> OpenTorchModule();

// What a function of the module returned: ok for null, else kEngine with its text, which is freed.
Status TorchStatus(const QbTorchApi& api, char* error);
// The JSON that a function of the module wrote, which is freed.
Result<Json> TakeTorchJson(const QbTorchApi& api, char* text);

}  // namespace quantbench

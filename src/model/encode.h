// Encoding: structures back into messages, passing through what did not change.
#pragma once

#include "model/wire.h"
#include "quantbench/model.h"

namespace quantbench {

// The whole model message.
wire::Rope EncodeMessage(const Model& model);

}  // namespace quantbench

#include "quantize/emitter.h"
namespace quantbench {
Status EmitWeightOnly(const PlannedNode&, Emitter*) {
  return Error(ErrorCode::kUnsupported, "soon");
}
Status EmitFloat8(const PlannedNode&, Emitter*) {
  return Error(ErrorCode::kUnsupported, "soon");
}
Status EmitLstm(const PlannedNode&, Emitter*) {
  return Error(ErrorCode::kUnsupported, "soon");
}
}  // namespace quantbench

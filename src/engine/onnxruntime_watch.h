// The operator through which a Watcher sees values, as ONNX Runtime takes it.
#pragma once

#include "quantbench/engine.h"

#include "engine/onnxruntime_library.h"

namespace quantbench {

// One node of the operator.
class WatchKernel {
 public:
  WatchKernel(std::int64_t index, Watcher* watcher) : index_(index), watcher_(watcher) {}
  OrtStatusPtr ComputeV2(OrtKernelContext* context);

 private:
  std::int64_t index_;
  Watcher* watcher_;
};

class WatchOperator final : public Ort::CustomOpBase<WatchOperator, WatchKernel, true> {
 public:
  explicit WatchOperator(Watcher* watcher) : watcher_(watcher) {}

  // The names are the runtime's.
  // NOLINTBEGIN(readability-convert-member-functions-to-static)
  OrtStatusPtr CreateKernelV2(const OrtApi& api, const OrtKernelInfo* info, void** kernel) const;
  [[nodiscard]] const char* GetName() const { return kWatchOperator.data(); }
  [[nodiscard]] std::size_t GetInputTypeCount() const { return 1; }
  [[nodiscard]] ONNXTensorElementDataType GetInputType(std::size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;  // any
  }
  [[nodiscard]] std::size_t GetOutputTypeCount() const { return 1; }
  [[nodiscard]] ONNXTensorElementDataType GetOutputType(std::size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
  }
  // NOLINTEND(readability-convert-member-functions-to-static)

 private:
  Watcher* watcher_;
};

// The domain of the operator, for one session.
class WatchDomain {
 public:
  explicit WatchDomain(Watcher* watcher) : operator_(watcher), domain_(kWatchDomain.data()) {
    domain_.Add(&operator_);
  }
  [[nodiscard]] const Ort::CustomOpDomain& domain() const { return domain_; }

 private:
  WatchOperator operator_;
  Ort::CustomOpDomain domain_;
};

}  // namespace quantbench

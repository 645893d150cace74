// Showing a value to a watcher. No exception may cross into the runtime.
#include "engine/onnxruntime_watch.h"

#include <array>
#include <memory>
#include <vector>

namespace quantbench {

OrtStatusPtr WatchOperator::CreateKernelV2(const OrtApi&, const OrtKernelInfo* info,
                                           void** kernel) const {
  try {
    const Ort::ConstKernelInfo given(info);
    const auto index = given.GetAttribute<std::int64_t>(kWatchIndex.data());
    *kernel = std::make_unique<WatchKernel>(index, watcher_).release();
    return nullptr;
  } catch (const Ort::Exception& exception) {
    return Ort::Status(exception).release();
  }
}

OrtStatusPtr WatchKernel::ComputeV2(OrtKernelContext* context) {
  try {
    const Ort::KernelContext given(context);
    const Ort::ConstValue value = given.GetInput(0);
    const auto info = value.GetTensorTypeAndShapeInfo();
    const auto type = static_cast<DataType>(info.GetElementType());
    const std::vector<std::int64_t> shape = info.GetShape();
    const auto bits = static_cast<std::size_t>(BitsPerElement(type));
    const std::size_t bytes = (info.GetElementCount() * bits + 7) / 8;
    const auto* data = static_cast<const std::byte*>(value.GetTensorRawData());
    if (bits > 0) watcher_->See(index_, {type, shape, {data, bytes}});
    const std::array<std::int64_t, 1> empty = {0};
    static_cast<void>(given.GetOutput(0, empty.data(), empty.size()));
    return nullptr;
  } catch (const Ort::Exception& exception) {
    return Ort::Status(exception).release();
  }
}

}  // namespace quantbench

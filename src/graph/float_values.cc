// Numbers of initializers: read where they lie, in stretches whose pages are given back.
#include <cstring>

#include "quantbench/base/status.h"
#include "quantbench/graph.h"

#include "graph/mapped_pages.h"

namespace quantbench {

std::int64_t Elements(const Initializer& initializer) {
  const auto count = ElementCount(initializer.dims);
  return count.ok() ? count.value() : 0;
}

Result<FloatValues> FloatValues::Of(const Model& model, const Initializer& initializer) {
  QB_CHECK(initializer.type == DataType::kFloat32, "weights are float32");
  FloatValues result;
  QB_TRY(result.bytes_, PayloadOf(initializer));
  result.origin_ = initializer.origin.view;
  result.file_ = FileHolding(model, result.bytes_.view);
  if (result.file_ == nullptr) result.file_ = FileHolding(model, result.origin_);
  return result;
}

FloatValues::~FloatValues() {
  if (file_ == nullptr) return;
  file_->Release(bytes_.view);
  file_->Release(origin_);
}

std::int64_t FloatValues::size() const {
  return static_cast<std::int64_t>(bytes_.size() / sizeof(float));
}

std::vector<float> FloatValues::All() const {
  std::vector<float> copy(static_cast<std::size_t>(size()));
  std::memcpy(copy.data(), bytes_.view.data(), copy.size() * sizeof(float));
  return copy;
}

std::span<const float> FloatValues::View(std::int64_t begin, std::int64_t end,
                                         std::vector<float>* copy) const {
  const std::byte* first = bytes_.view.data() + static_cast<std::size_t>(begin) * sizeof(float);
  const auto count = static_cast<std::size_t>(end - begin);
  if (reinterpret_cast<std::uintptr_t>(first) % alignof(float) == 0) {
    return {reinterpret_cast<const float*>(first), count};
  }
  copy->resize(count);
  std::memcpy(copy->data(), first, count * sizeof(float));
  return *copy;
}

void FloatValues::Release(std::int64_t begin, std::int64_t end) const {
  if (file_ == nullptr) return;
  file_->Release(bytes_.view.subspan(static_cast<std::size_t>(begin) * sizeof(float),
                                     static_cast<std::size_t>(end - begin) * sizeof(float)));
}

}  // namespace quantbench

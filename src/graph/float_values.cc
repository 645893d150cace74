// Numbers of initializers: read in stretches that leave no pages behind.
#include <cstring>

#include "quantbench/base/parallel.h"
#include "quantbench/base/status.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

// Stretches that are read into memory: 8 MB. Each thread keeps the memory of the last one.
constexpr std::size_t kLargestStretch = 8U << 20U;

struct SpareNumbers {
  std::unique_ptr<float[]> numbers;
  std::size_t size = 0;
};
thread_local SpareNumbers spare_numbers;

}  // namespace

std::span<float> FloatValues::Stretch::Take(std::size_t count) {
  numbers_ = std::move(spare_numbers.numbers);
  size_ = std::exchange(spare_numbers.size, 0);
  if (size_ < count) {
    numbers_ = std::make_unique_for_overwrite<float[]>(count);
    size_ = count;
  }
  return {numbers_.get(), count};
}

FloatValues::Stretch::~Stretch() {
  if (numbers_ == nullptr || size_ * sizeof(float) > kLargestStretch) return;
  spare_numbers = {std::move(numbers_), size_};
}

std::int64_t Elements(const Initializer& initializer) {
  const auto count = ElementCount(initializer.dims);
  return count.ok() ? count.value() : 0;
}

Result<FloatValues> FloatValues::Of(const Initializer& initializer) {
  QB_CHECK(initializer.type == DataType::kFloat32, "weights are float32");
  FloatValues result;
  QB_TRY(result.bytes_, PayloadOf(initializer));
  if (initializer.storage == Storage::kTyped) result.origin_ = initializer.origin;
  return result;
}

FloatValues::~FloatValues() {
  origin_.Release(origin_.view);
}

std::int64_t FloatValues::size() const {
  return static_cast<std::int64_t>(bytes_.size() / sizeof(float));
}

std::vector<float> FloatValues::All() const {
  std::vector<float> copy(static_cast<std::size_t>(size()));
  if (!copy.empty()) bytes_.Copy(bytes_.view, reinterpret_cast<std::byte*>(copy.data()));
  return copy;
}

void FloatValues::Hold(int threads) {
  constexpr std::int64_t kTogether = 1 << 18;
  if (held_ != nullptr || size() > kMostHeld ||
      !IsCopied(BytesOf(0, std::min<std::int64_t>(size(), 1))))
    return;
  auto numbers = std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(size()));
  ParallelFor(size(), kTogether, threads, [&](std::int64_t begin, std::int64_t end) {
    bytes_.Copy(BytesOf(begin, end), reinterpret_cast<std::byte*>(numbers.get() + begin));
  });
  held_ = std::move(numbers);
}

std::span<const std::byte> FloatValues::BytesOf(std::int64_t begin, std::int64_t end) const {
  return bytes_.view.subspan(static_cast<std::size_t>(begin) * sizeof(float),
                             static_cast<std::size_t>(end - begin) * sizeof(float));
}

bool FloatValues::IsCopied(std::span<const std::byte> part) const {
  if (reinterpret_cast<std::uintptr_t>(part.data()) % alignof(float) != 0) return true;
  return bytes_.file != nullptr && part.size() <= kLargestStretch;
}

std::span<const float> FloatValues::View(std::int64_t begin, std::int64_t end,
                                         Stretch* stretch) const {
  const auto count = static_cast<std::size_t>(end - begin);
  if (held_ != nullptr) return {held_.get() + begin, count};
  const std::span<const std::byte> part = BytesOf(begin, end);
  if (count == 0) return {};
  if (!IsCopied(part)) return {reinterpret_cast<const float*>(part.data()), count};
  const std::span<float> numbers = stretch->Take(count);
  bytes_.Copy(part, reinterpret_cast<std::byte*>(numbers.data()));
  return numbers;
}

void FloatValues::Release(std::int64_t begin, std::int64_t end) const {
  const std::span<const std::byte> part = BytesOf(begin, end);
  if (held_ == nullptr && !IsCopied(part)) bytes_.Release(part);
}

}  // namespace quantbench

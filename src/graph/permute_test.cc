// Permuting: every element lands where Transpose puts it.
#include "graph/permute.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "engine_runner.h"

namespace quantbench {
namespace permute_test {

using testing::Must;

// Element by element, from the definition.
template <typename T>
std::vector<T> Reference(const std::vector<T>& in, const Shape& dims, const Shape& order) {
  std::vector<T> out(in.size());
  for (std::size_t flat = 0; flat < in.size(); ++flat) {
    Shape index(dims.size());
    std::size_t rest = flat;
    for (std::size_t i = dims.size(); i-- > 0;) {
      index[i] = static_cast<std::int64_t>(rest) % dims[i];
      rest /= static_cast<std::size_t>(dims[i]);
    }
    std::int64_t place = 0;
    for (const std::int64_t axis : order) {
      const auto i = static_cast<std::size_t>(axis);
      place = place * dims[i] + index[i];
    }
    out[static_cast<std::size_t>(place)] = in[flat];
  }
  return out;
}

template <typename T>
void ExpectPermuted(DataType type, const Shape& dims) {
  Shape order(dims.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<T> values(static_cast<std::size_t>(Must(ElementCount(dims))));
  std::iota(values.begin(), values.end(), T{1});
  const Initializer tensor = Initializer::Of("w", Tensor::Of(type, dims, values));
  do {
    const Initializer result = Must(Permuted(tensor, order, "p"));
    const Tensor read = Must(ReadTensor(result));
    const std::span<const T> got = read.As<T>();
    EXPECT_EQ(std::vector<T>(got.begin(), got.end()), Reference(values, dims, order))
        << ToString(std::span<const std::int64_t>(order));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Permuted, EqualsTheDefinitionInEveryOrder) {
  ExpectPermuted<float>(DataType::kFloat32, {37, 50});
  ExpectPermuted<float>(DataType::kFloat32, {3, 17, 5});
  ExpectPermuted<std::uint16_t>(DataType::kFloat16, {2, 3, 4, 5});
  ExpectPermuted<std::int64_t>(DataType::kInt64, {1, 6, 1});
  ExpectPermuted<std::int8_t>(DataType::kInt8, {9, 5});
  ExpectPermuted<double>(DataType::kFloat64, {7});
}

TEST(Permuted, LeavesEmptyTensorsAndScalarsEmptyAndScalar) {
  const Initializer empty = Initializer::Of("w", Tensor::OfFloats({0, 4}, {}));
  const Shape order = {1, 0};
  EXPECT_EQ(Must(Permuted(empty, order, "p")).dims, (Shape{4, 0}));
  const Initializer scalar = Initializer::Of("s", Tensor::OfFloats({}, {3}));
  EXPECT_EQ(Must(Permuted(scalar, Shape(), "p")).dims, Shape());
}

TEST(Permuted, RefusesElementsThatAreNoWholeBytes) {
  const Initializer nibbles = Initializer::Of("w", Must(Tensor::Make(DataType::kInt4, {4, 4})));
  EXPECT_EQ(Permuted(nibbles, Shape{1, 0}, "p").error().code(), ErrorCode::kUnsupported);
}

TEST(Permuted, ReadsNumbersAtOddAddresses) {
  const Tensor tensor = testing::RandomTensor({5, 6}, 1);
  std::vector<std::byte> shifted(tensor.bytes.size() + 1);
  std::copy(tensor.bytes.begin(), tensor.bytes.end(), shifted.begin() + 1);
  Initializer odd = Initializer::Of("w", tensor);
  odd.data = Bytes::Own(std::move(shifted));
  odd.data.view = odd.data.view.subspan(1);
  const Shape order = {1, 0};
  EXPECT_EQ(Must(ReadTensor(Must(Permuted(odd, order, "p")))).bytes,
            Must(ReadTensor(Must(Permuted(Initializer::Of("w", tensor), order, "p")))).bytes);
}

}  // namespace permute_test
}  // namespace quantbench

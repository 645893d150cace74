// Denormal numbers among a model's weights.
#include <algorithm>
#include <array>
#include <cstring>

#include "quantbench/measure.h"

namespace quantbench {
namespace {

constexpr std::size_t kStretch = 4096;  // numbers that are looked at together

// Exponent 0 and a mantissa: below FLT_MIN, 1.18e-38, and not zero [IEEE 754].
std::int64_t DenormalsIn(std::span<const std::uint32_t> floats) {
  std::int64_t count = 0;
  for (const std::uint32_t bits : floats) {
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    count += magnitude - 1 < 0x7FFFFFU ? 1 : 0;  // 0 wraps around
  }
  return count;
}

Result<std::int64_t> DenormalsOfTensor(const Initializer& tensor) {
  if (tensor.type != DataType::kFloat32) return std::int64_t{0};
  QB_TRY(const Bytes bytes, PayloadOf(tensor));
  std::array<std::uint32_t, kStretch> floats{};
  std::int64_t count = 0;
  for (std::size_t begin = 0; begin < bytes.size(); begin += sizeof(floats)) {
    const auto part = bytes.view.subspan(begin, std::min(sizeof(floats), bytes.size() - begin));
    std::memcpy(floats.data(), part.data(), part.size());
    count += DenormalsIn(std::span(floats).first(part.size() / sizeof(float)));
  }
  bytes.Release(bytes.view);
  return count;
}

}  // namespace

Result<std::int64_t> CountDenormals(const Graph& graph) {
  std::int64_t count = 0;
  for (const Initializer& initializer : graph.initializers) {
    QB_TRY(const std::int64_t more, DenormalsOfTensor(initializer));
    count += more;
  }
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Initializer& tensor : attribute.tensors) {
        QB_TRY(const std::int64_t more, DenormalsOfTensor(tensor));
        count += more;
      }
      for (const Graph& body : attribute.graphs) {
        QB_TRY(const std::int64_t more, CountDenormals(body));
        count += more;
      }
    }
  }
  return count;
}

}  // namespace quantbench

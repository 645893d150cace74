// Denormal numbers among weights and activations.
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

// Of bytes that need not be aligned.
std::int64_t DenormalsInBytes(std::span<const std::byte> bytes) {
  std::array<std::uint32_t, kStretch> floats{};
  std::int64_t count = 0;
  for (std::size_t begin = 0; begin < bytes.size(); begin += sizeof(floats)) {
    const auto part = bytes.subspan(begin, std::min(sizeof(floats), bytes.size() - begin));
    std::memcpy(floats.data(), part.data(), part.size());
    count += DenormalsIn(std::span(floats).first(part.size() / sizeof(float)));
  }
  return count;
}

Result<std::int64_t> DenormalsOfTensor(const Initializer& tensor) {
  if (tensor.type != DataType::kFloat32) return std::int64_t{0};
  QB_TRY(const Bytes bytes, PayloadOf(tensor));
  const std::int64_t count = DenormalsInBytes(bytes.view);
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

std::int64_t CountDenormals(const Tensor& tensor) {
  return tensor.type == DataType::kFloat32
             ? DenormalsInBytes(std::as_bytes(std::span(tensor.bytes)))
             : 0;
}

void DenormalCount::Add(const std::string& name, std::int64_t values_of_it,
                        std::int64_t denormals_of_it) {
  values += values_of_it;
  denormals += denormals_of_it;
  if (values_of_it <= 0 || denormals_of_it <= 0) return;
  const double here = static_cast<double>(denormals_of_it) / static_cast<double>(values_of_it);
  if (here <= share) return;
  share = here;
  tensor = name;
}

Json DenormalCount::ToJson() const {
  if (values == 0) return nullptr;
  return Json::MakeObject()
      .Set("values", values)
      .Set("denormals", denormals)
      .Set("tensor", tensor)
      .Set("share", share);
}

DenormalCount DenormalCount::FromJson(const Json& json) {
  DenormalCount count;
  count.values = json["values"].AsInt();
  count.denormals = json["denormals"].AsInt();
  count.tensor = json["tensor"].AsString();
  count.share = json["share"].AsDouble();
  return count;
}

}  // namespace quantbench

// Comparing structures field by field.
#include "model/same.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace quantbench {
namespace {

bool SameView(const Bytes& a, const Bytes& b) {
  return a.view.data() == b.view.data() && a.view.size() == b.view.size();
}

bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

template <typename T>
bool SameList(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return Same(x, y); });
}

}  // namespace

bool Same(const Initializer& a, const Initializer& b) {
  return a.name == b.name && a.type == b.type && a.dims == b.dims && a.storage == b.storage &&
         a.external == b.external && SameView(a.data, b.data) && a.maker == b.maker;
}

bool Same(const ValueInfo& a, const ValueInfo& b) {
  return a.name == b.name && a.is_tensor == b.is_tensor && a.type == b.type &&
         a.has_shape == b.has_shape && a.dims == b.dims;
}

bool Same(const Attribute& a, const Attribute& b) {
  return a.name == b.name && a.type == b.type && SameBits(a.f, b.f) && a.i == b.i && a.s == b.s &&
         std::equal(a.floats.begin(), a.floats.end(), b.floats.begin(), b.floats.end(), SameBits) &&
         a.ints == b.ints && a.strings == b.strings && SameList(a.tensors, b.tensors) &&
         SameList(a.graphs, b.graphs);
}

bool Same(const Node& a, const Node& b) {
  return a.name == b.name && a.op_type == b.op_type && a.domain == b.domain &&
         a.inputs == b.inputs && a.outputs == b.outputs && SameList(a.attributes, b.attributes);
}

bool Same(const Graph& a, const Graph& b) {
  return a.name == b.name && SameList(a.nodes, b.nodes) &&
         SameList(a.initializers, b.initializers) && SameList(a.inputs, b.inputs) &&
         SameList(a.outputs, b.outputs) && SameList(a.value_infos, b.value_infos);
}

}  // namespace quantbench

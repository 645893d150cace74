// Element types: the numbers of quantbench/tensor.h, which are ONNX's, and libtorch's.
#include "torch/element_types.h"

#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace quantbench {
namespace {

constexpr std::array<std::pair<std::int32_t, c10::ScalarType>, 12> kTypes = {{
    {1, c10::ScalarType::Float},
    {2, c10::ScalarType::Byte},
    {3, c10::ScalarType::Char},
    {5, c10::ScalarType::Short},
    {6, c10::ScalarType::Int},
    {7, c10::ScalarType::Long},
    {9, c10::ScalarType::Bool},
    {10, c10::ScalarType::Half},
    {11, c10::ScalarType::Double},
    {14, c10::ScalarType::ComplexFloat},
    {15, c10::ScalarType::ComplexDouble},
    {16, c10::ScalarType::BFloat16},
}};

}  // namespace

c10::ScalarType ScalarTypeOf(std::int32_t code) {
  for (const auto& [known, type] : kTypes) {
    if (known == code) return type;
  }
  throw std::runtime_error("libtorch has no element type " + std::to_string(code));
}

std::int32_t CodeOf(c10::ScalarType type) {
  for (const auto& [code, known] : kTypes) {
    if (known == type) return code;
  }
  throw std::runtime_error(std::string("a tensor of ") + c10::toString(type) + " is not read");
}

}  // namespace quantbench

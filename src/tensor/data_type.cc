// Element types: names and sizes.
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/tensor.h"

namespace quantbench {
namespace {

struct TypeEntry {
  DataType type;
  std::string_view name;
  int bits;
  enum class Kind { kFloat, kInteger, kOther } kind;
};
constexpr auto kFloat = TypeEntry::Kind::kFloat;
constexpr auto kInteger = TypeEntry::Kind::kInteger;
constexpr auto kOther = TypeEntry::Kind::kOther;

constexpr auto kTypes = std::to_array<TypeEntry>({
    {DataType::kUndefined, "undefined", 0, kOther},
    {DataType::kFloat32, "float32", 32, kFloat},
    {DataType::kUint8, "uint8", 8, kInteger},
    {DataType::kInt8, "int8", 8, kInteger},
    {DataType::kUint16, "uint16", 16, kInteger},
    {DataType::kInt16, "int16", 16, kInteger},
    {DataType::kInt32, "int32", 32, kInteger},
    {DataType::kInt64, "int64", 64, kInteger},
    {DataType::kString, "string", 0, kOther},
    {DataType::kBool, "bool", 8, kOther},
    {DataType::kFloat16, "float16", 16, kFloat},
    {DataType::kFloat64, "float64", 64, kFloat},
    {DataType::kUint32, "uint32", 32, kInteger},
    {DataType::kUint64, "uint64", 64, kInteger},
    {DataType::kComplex64, "complex64", 64, kOther},
    {DataType::kComplex128, "complex128", 128, kOther},
    {DataType::kBfloat16, "bfloat16", 16, kFloat},
    {DataType::kFloat8E4M3FN, "float8e4m3fn", 8, kFloat},
    {DataType::kFloat8E4M3FNUZ, "float8e4m3fnuz", 8, kFloat},
    {DataType::kFloat8E5M2, "float8e5m2", 8, kFloat},
    {DataType::kFloat8E5M2FNUZ, "float8e5m2fnuz", 8, kFloat},
    {DataType::kUint4, "uint4", 4, kInteger},
    {DataType::kInt4, "int4", 4, kInteger},
    {DataType::kFloat4E2M1, "float4e2m1", 4, kFloat},
    {DataType::kFloat8E8M0, "float8e8m0", 8, kFloat},
    {DataType::kUint2, "uint2", 2, kInteger},
    {DataType::kInt2, "int2", 2, kInteger},
});

const TypeEntry* Find(DataType type) {
  for (const TypeEntry& entry : kTypes) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

}  // namespace

std::string Name(DataType type) {
  const TypeEntry* entry = Find(type);
  return entry == nullptr ? Format("type {}", static_cast<std::int32_t>(type))
                          : std::string(entry->name);
}

Result<DataType> ParseDataType(std::string_view name) {
  for (const TypeEntry& entry : kTypes) {
    if (entry.name == name) return entry.type;
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("\"{}\" is not an element type", Printable(name)));
}

int BitsPerElement(DataType type) {
  const TypeEntry* entry = Find(type);
  return entry == nullptr ? 0 : entry->bits;
}

bool IsFloatingPoint(DataType type) {
  const TypeEntry* entry = Find(type);
  return entry != nullptr && entry->kind == TypeEntry::Kind::kFloat;
}

bool IsInteger(DataType type) {
  const TypeEntry* entry = Find(type);
  return entry != nullptr && entry->kind == TypeEntry::Kind::kInteger;
}

}  // namespace quantbench

// Treatments: schemes and formats by name, and the named treatments that recipes are made of.
#if !defined(__aarch64__) && !defined(__arm__)
#include <cpuid.h>
#endif

#include <array>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 6> kSchemeNames = {
    "float", "stored", "weight-only", "dynamic-int8", "static-int8", "float8"};
constexpr std::array<std::string_view, 3> kFormatNames = {"engine", "qdq", "qoperator"};
constexpr std::array<std::string_view, 4> kTargetNames = {"x64", "x64-vnni", "arm", "portable"};

struct Named {
  std::string_view name;
  Treatment treatment;
};

constexpr Treatment Of(Scheme scheme, DataType weights = DataType::kUndefined,
                       DataType activations = DataType::kUndefined, std::int64_t block = 0) {
  Treatment treatment;
  treatment.scheme = scheme;
  treatment.weights = weights;
  treatment.activations = activations;
  treatment.block = block;
  return treatment;
}

constexpr std::int64_t kDefaultBlock = 32;

constexpr std::array kTreatments = {
    Named{"float", Of(Scheme::kKeepFloat)},
    Named{"stored-int8", Of(Scheme::kStored, DataType::kInt8)},
    Named{"float16", Of(Scheme::kStored, DataType::kFloat16)},
    Named{"bfloat16", Of(Scheme::kStored, DataType::kBfloat16)},
    Named{"weight-int8",
          Of(Scheme::kWeightOnly, DataType::kInt8, DataType::kUndefined, kDefaultBlock)},
    Named{"weight-int4",
          Of(Scheme::kWeightOnly, DataType::kInt4, DataType::kUndefined, kDefaultBlock)},
    Named{"dynamic-int8", Of(Scheme::kDynamicInt8, DataType::kInt8)},
    Named{"static-int8", Of(Scheme::kStaticInt8, DataType::kInt8)},
    Named{"w4a8", Of(Scheme::kStaticInt8, DataType::kInt4)},
    Named{"static-int16", Of(Scheme::kStaticInt8, DataType::kInt8, DataType::kUint16)},
    Named{"float8", Of(Scheme::kFloat8, DataType::kFloat8E4M3FN, DataType::kFloat8E4M3FN)},
};

// The index of a name in a table of names; an error that names the nearest, or all.
Result<std::size_t> Find(std::string_view what, std::string_view name,
                         std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  const std::string_view nearest = Nearest(name, names);
  if (!nearest.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("unknown {} \"{}\"; did you mean \"{}\"?", what, Printable(name), nearest));
  }
  std::string all;
  for (const std::string_view known : names) {
    all += all.empty() ? "" : ", ";
    all += known;
  }
  return Error(ErrorCode::kInvalidArgument,
               Format("unknown {} \"{}\"; known: {}", what, Printable(name), all));
}

std::string TypeName(DataType type) {
  return type == DataType::kUndefined ? "" : Name(type);
}

Result<DataType> TypeOrNone(const Json& json, std::string_view key) {
  const std::string name = json[key].AsString();
  if (name.empty()) return DataType::kUndefined;
  return ParseDataType(name);
}

}  // namespace

std::string_view Name(Scheme scheme) {
  return kSchemeNames[static_cast<std::size_t>(scheme)];
}

Result<Scheme> ParseScheme(std::string_view name) {
  QB_TRY(const std::size_t index, Find("scheme", name, kSchemeNames));
  return static_cast<Scheme>(index);
}

std::string_view Name(QuantFormat format) {
  return kFormatNames[static_cast<std::size_t>(format)];
}

Result<QuantFormat> ParseQuantFormat(std::string_view name) {
  QB_TRY(const std::size_t index, Find("format", name, kFormatNames));
  return static_cast<QuantFormat>(index);
}

std::string_view Name(Target target) {
  return kTargetNames[static_cast<std::size_t>(target)];
}

Result<Target> ParseTarget(std::string_view name) {
  QB_TRY(const std::size_t index, Find("target", name, kTargetNames));
  return static_cast<Target>(index);
}

#if !defined(__aarch64__) && !defined(__arm__)
namespace {

// CPUID leaf 7, subleaf 1, EAX bit 4   [Intel SDM volume 2A]. It works on AVX2's registers.
bool HasAvxVnni() {
  constexpr unsigned kAvxVnni = 1U << 4U;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __builtin_cpu_supports("avx2") != 0 &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvxVnni) != 0;
}

}  // namespace
#endif

Target HostTarget() {
#if defined(__aarch64__) || defined(__arm__)
  return Target::kArm;
#else
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vnni") != 0 || HasAvxVnni() ? Target::kX64Vnni
                                                                   : Target::kX64;
#endif
}

bool Treatment::symmetric() const {
  return weights != DataType::kUint8 && weights != DataType::kUint4;
}

int Treatment::bits() const {
  return BitsPerElement(weights);
}

Json Treatment::ToJson() const {
  return Json::MakeObject()
      .Set("scheme", Name(scheme))
      .Set("weights", TypeName(weights))
      .Set("activations", TypeName(activations))
      .Set("per_channel", per_channel)
      .Set("block", block)
      .Set("format", Name(format));
}

Result<Treatment> Treatment::FromJson(const Json& json) {
  Treatment treatment;
  QB_TRY(const std::string scheme, json.RequireString("scheme", "treatment"));
  QB_TRY(treatment.scheme, ParseScheme(scheme));
  QB_TRY(treatment.weights, TypeOrNone(json, "weights"));
  QB_TRY(treatment.activations, TypeOrNone(json, "activations"));
  treatment.per_channel = json["per_channel"].AsBool(true);
  treatment.block = json["block"].AsInt();
  QB_TRY(treatment.format, ParseQuantFormat(json["format"].AsString()));
  return treatment;
}

Result<Treatment> FindTreatment(std::string_view name) {
  std::array<std::string_view, kTreatments.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kTreatments[i].name;
  QB_TRY(const std::size_t index, Find("treatment", name, names));
  return kTreatments[index].treatment;
}

std::string Describe(const Treatment& treatment) {
  for (const Named& named : kTreatments) {
    Treatment same = named.treatment;
    same.per_channel = treatment.per_channel;
    same.block = treatment.block;
    same.format = treatment.format;
    if (same != treatment) continue;
    return treatment.block == 0 ? std::string(named.name)
                                : Format("{} block {}", named.name, treatment.block);
  }
  return Format("{} {}", Name(treatment.scheme), TypeName(treatment.weights));
}

}  // namespace quantbench

// Sizes: bytes, parameters and denormal numbers of models.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"

namespace quantbench {

// Tensors of one element type: initializers and constants, of all graphs.
struct TypeShare {
  std::int64_t tensors = 0;
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const TypeShare&, const TypeShare&) = default;
};

struct ModelSize {
  std::uint64_t file_bytes = 0;              // the .onnx file
  std::uint64_t external_bytes = 0;          // external files in use
  std::map<std::string, TypeShare> by_type;  // by element type name
  std::int64_t denormals = -1;  // float32 weights below FLT_MIN that are not zero; -1: not counted

  [[nodiscard]] std::uint64_t total_bytes() const { return file_bytes + external_bytes; }
  // Numbers in float tensors and in integer tensors of at most 8 bits: the weights, not the shapes.
  [[nodiscard]] std::int64_t parameters() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ModelSize> FromJson(const Json& json);
};
[[nodiscard]] ModelSize SizeOf(const Model& model);
// Float32 weights, subgraphs' too, that are denormal: many processors compute with these slowly.
// Reads every weight once and gives its pages back. Errors: those of PayloadOf.
[[nodiscard]] Result<std::int64_t> CountDenormals(const Graph& graph);
// The same of one tensor's values; 0 of types other than float32.
[[nodiscard]] std::int64_t CountDenormals(const Tensor& tensor);

// How many values that were looked at are denormal.
struct DenormalCount {
  std::int64_t values = 0;  // of all types; 0: none were looked at
  std::int64_t denormals = 0;
  std::string tensor;  // with the largest share of them; empty: there are none
  double share = 0;    // in that tensor, 0 to 1

  void Add(const std::string& name, std::int64_t values_of_it, std::int64_t denormals_of_it);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static DenormalCount FromJson(const Json& json);  // of null: none
};
// Its archive does not say in a word of what types its tensors are: all are of type "unknown", and
// no parameters are counted.
[[nodiscard]] ModelSize SizeOf(const TorchScript& model);

}  // namespace quantbench

// Sizes: what a model's file holds, by element type.
#include <algorithm>

#include "quantbench/measure.h"

namespace quantbench {
namespace {

void Count(const Graph& graph, std::map<std::string, TypeShare>* by_type);

void Count(const Initializer& tensor, std::map<std::string, TypeShare>* by_type) {
  TypeShare& share = (*by_type)[Name(tensor.type)];
  ++share.tensors;
  if (const auto elements = ElementCount(tensor.dims); elements.ok()) {
    share.elements += elements.value();
  }
  share.bytes += tensor.stored_bytes();
}

void Count(const Graph& graph, std::map<std::string, TypeShare>* by_type) {
  for (const Initializer& initializer : graph.initializers) Count(initializer, by_type);
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Initializer& tensor : attribute.tensors) Count(tensor, by_type);
      for (const Graph& body : attribute.graphs) Count(body, by_type);
    }
  }
}

}  // namespace

std::int64_t ModelSize::parameters() const {
  std::int64_t sum = 0;
  for (const auto& [name, share] : by_type) {
    const auto type = ParseDataType(name);
    if (!type.ok()) continue;
    const bool narrow_integer = IsInteger(type.value()) && BitsPerElement(type.value()) <= 8;
    if (IsFloatingPoint(type.value()) || narrow_integer) sum += share.elements;
  }
  return sum;
}

Json ModelSize::ToJson() const {
  Json types = Json::MakeObject();
  for (const auto& [name, share] : by_type) {
    types.Set(name, Json::MakeObject()
                        .Set("tensors", share.tensors)
                        .Set("elements", share.elements)
                        .Set("bytes", share.bytes));
  }
  Json json = Json::MakeObject()
                  .Set("file_bytes", file_bytes)
                  .Set("external_bytes", external_bytes)
                  .Set("by_type", std::move(types));
  if (denormals >= 0) json.Set("denormals", denormals);
  return json;
}

Result<ModelSize> ModelSize::FromJson(const Json& json) {
  ModelSize size;
  QB_TRY(const std::int64_t file, json.RequireInt("file_bytes", "size"));
  QB_TRY(const std::int64_t external, json.RequireInt("external_bytes", "size"));
  if (file < 0 || external < 0) return Error(ErrorCode::kMalformed, "size: negative bytes");
  size.file_bytes = static_cast<std::uint64_t>(file);
  size.external_bytes = static_cast<std::uint64_t>(external);
  for (const auto& [name, share] : json["by_type"].AsObject()) {
    size.by_type[name] = {
        share["tensors"].AsInt(), share["elements"].AsInt(),
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, share["bytes"].AsInt()))};
  }
  size.denormals = json["denormals"].AsInt(-1);
  return size;
}

ModelSize SizeOf(const TorchScript& model) {
  ModelSize size;
  size.file_bytes = model.file_bytes();
  size.by_type["unknown"] = {model.tensors, 0, model.tensor_bytes};
  return size;
}

ModelSize SizeOf(const Model& model) {
  ModelSize size;
  size.file_bytes = model.file_bytes;
  size.external_bytes = model.total_bytes() - model.file_bytes;
  Count(model.graph, &size.by_type);
  return size;
}

}  // namespace quantbench

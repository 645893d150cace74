// Small questions about a model's parts.
#include "quantbench/model.h"

#include <algorithm>

#include "quantbench/base/format.h"

namespace quantbench {

std::string ToString(std::span<const Dimension> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) text += ", ";
    if (dims[i].value >= 0) {
      text += Format("{}", dims[i].value);
    } else {
      text += dims[i].name.empty() ? "?" : Printable(dims[i].name);
    }
  }
  return text + "]";
}

Attribute Attribute::Int(std::string name, std::int64_t value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kInt;
  attribute.i = value;
  return attribute;
}

Attribute Attribute::Ints(std::string name, std::vector<std::int64_t> values) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kInts;
  attribute.ints = std::move(values);
  return attribute;
}

Attribute Attribute::Float(std::string name, float value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kFloat;
  attribute.f = value;
  return attribute;
}

Attribute Attribute::String(std::string name, std::string value) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kString;
  attribute.s = std::move(value);
  return attribute;
}

const Attribute* Node::FindAttribute(std::string_view attribute) const {
  for (const Attribute& candidate : attributes) {
    if (candidate.name == attribute) return &candidate;
  }
  return nullptr;
}

std::int64_t Node::IntAttribute(std::string_view attribute, std::int64_t fallback) const {
  const Attribute* found = FindAttribute(attribute);
  return found == nullptr ? fallback : found->i;
}

float Node::FloatAttribute(std::string_view attribute, float fallback) const {
  const Attribute* found = FindAttribute(attribute);
  return found == nullptr ? fallback : found->f;
}

const Initializer* Graph::FindInitializer(std::string_view initializer) const {
  for (const Initializer& candidate : initializers) {
    if (candidate.name == initializer) return &candidate;
  }
  return nullptr;
}

std::int64_t Model::OpsetVersion(std::string_view domain) const {
  for (const Opset& opset : opsets) {
    if (opset.domain == domain) return opset.version;
  }
  return 0;
}

void Model::RequireOpset(std::string_view domain, std::int64_t version) {
  for (Opset& opset : opsets) {
    if (opset.domain != domain) continue;
    opset.version = std::max(opset.version, version);
    return;
  }
  opsets.push_back({std::string(domain), version});
}

std::vector<const ValueInfo*> Model::RuntimeInputs() const {
  std::unordered_map<std::string_view, bool> weights;
  for (const Initializer& initializer : graph.initializers) weights[initializer.name] = true;
  std::vector<const ValueInfo*> inputs;
  for (const ValueInfo& input : graph.inputs) {
    if (!weights.contains(input.name)) inputs.push_back(&input);
  }
  return inputs;
}

std::uint64_t Model::total_bytes() const {
  std::uint64_t total = file_bytes;
  for (const auto& [location, external] : external_files) total += external->bytes().size();
  return total;
}

}  // namespace quantbench

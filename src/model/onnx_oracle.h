// For tests only: models built and judged by libonnx and libprotobuf, never by our own code.
#pragma once

#define ONNX_ML 1            // NOLINT(readability-identifier-naming): libonnx asks for them
#define ONNX_NAMESPACE onnx  // NOLINT(readability-identifier-naming)
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "model/wire.h"

namespace quantbench {

// A folder that goes away with everything in it.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "qb-model-XXXXXX").string();
    QB_CHECK(mkdtemp(pattern.data()) != nullptr, "a folder for the test");
    path_ = pattern;
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  TestFolder(TestFolder&&) = delete;
  TestFolder& operator=(TestFolder&&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // The path of the new file, which is often not wanted.
  std::filesystem::path Write(const std::string& name,  // NOLINT(modernize-use-nodiscard)
                              const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Bytes BytesCopy(const std::string& text) {
  const auto bytes = wire::BytesOf(text);
  return Bytes::Own({bytes.begin(), bytes.end()});
}

inline Result<Model> ParseText(const std::string& text, const ModelLimits& limits = {}) {
  return ParseModel(BytesCopy(text), {}, limits);
}

// The model as it would be written; what fails shows as "error: ...".
inline std::string EncodeText(const Model& model) {
  const auto bytes = EncodeToBytes(model);
  if (!bytes.ok()) return "error: " + bytes.error().message();
  return std::string(wire::Text(bytes.value()));
}

inline Model ParsedModel(const onnx::ModelProto& oracle) {
  auto model = ParseText(oracle.SerializeAsString());
  QB_CHECK(model.ok(), "a model of the oracle");
  return std::move(model).value();
}

// Sorted.
inline std::vector<std::string> FileNames(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

inline void AddValue(onnx::ValueInfoProto* value, const std::string& name,
                     const std::vector<std::int64_t>& dims) {
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) {
    auto* entry = type->mutable_shape()->add_dim();
    if (dim >= 0) {
      entry->set_dim_value(dim);
    } else {
      entry->set_dim_param("batch");
    }
  }
}

inline onnx::NodeProto* AddNode(onnx::GraphProto* graph, const std::string& op,
                                const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type(op);
  node->set_name(op + "_" + output);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(output);
  return node;
}

inline onnx::AttributeProto* AddAttribute(onnx::NodeProto* node, const std::string& name,
                                          onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

inline void SetFloats(onnx::TensorProto* tensor, const std::string& name,
                      const std::vector<float>& values) {
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  tensor->add_dims(static_cast<std::int64_t>(values.size()));
  tensor->set_raw_data(values.data(), values.size() * sizeof(float));
}

// x[batch, 3] -> Add bias -> y.
inline onnx::ModelProto AddModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  onnx::GraphProto* graph = model.mutable_graph();
  graph->set_name("main");
  SetFloats(graph->add_initializer(), "bias", {1, 2, 3});
  AddNode(graph, "Add", {"x", "bias"}, "y");
  AddValue(graph->add_input(), "x", {-1, 3});
  AddValue(graph->add_output(), "y", {-1, 3});
  return model;
}

// Weights of the given numbers of floats, each filled with its own index.
inline onnx::ModelProto Weights(const std::vector<std::size_t>& sizes) {
  onnx::ModelProto model = AddModel();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    SetFloats(model.mutable_graph()->add_initializer(), Format("w{}", i),
              std::vector<float>(sizes[i], static_cast<float>(i)));
  }
  return model;
}

}  // namespace quantbench

#include "torch/quantize_rewrite.h"

#include <torch/csrc/jit/passes/constant_pooling.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

namespace quantbench {

torch::jit::Value* TorchRewriter::Find(const std::pair<const void*, const void*>& key) const {
  const auto found = packed_.find(key);
  return found == packed_.end() ? nullptr : found->second;
}

torch::jit::Value* TorchRewriter::Attribute(const std::pair<const void*, const void*>& key,
                                            const c10::IValue& packed) {
  std::string name;
  for (std::size_t i = packed_.size(); name.empty() || module_->hasattr(name); ++i) {
    name = "packed_" + std::to_string(i);
  }
  module_->register_attribute(name, packed.type(), packed);
  const torch::jit::WithInsertPoint at_start(*graph_->nodes().begin());
  torch::jit::Value* value = graph_->insertGetAttr(graph_->inputs().at(0), name);
  packed_.emplace(key, value);
  return value;
}

torch::jit::Value* TorchRewriter::Insert(const char* op,
                                         at::ArrayRef<torch::jit::NamedValue> arguments,
                                         at::ArrayRef<torch::jit::NamedValue> named) {
  return graph_->insert(c10::Symbol::fromQualString(op), arguments, named);
}

void TorchRewriter::Tidy() {
  torch::jit::EliminateDeadCode(graph_);
  torch::jit::ConstantPooling(graph_);
}

}  // namespace quantbench

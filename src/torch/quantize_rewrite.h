// Rewriting a frozen TorchScript module: what the dynamic and the static road share.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

namespace quantbench {

// Owns nothing. Packed weights become attributes of the module, read once at the graph's beginning.
class TorchRewriter {
 public:
  explicit TorchRewriter(torch::jit::Module* module)
      : module_(module), graph_(module->get_method("forward").graph()) {}

  [[nodiscard]] const std::shared_ptr<torch::jit::Graph>& graph() const { return graph_; }
  // The value that holds it. `key`: layers that share weights share what was packed of them.
  torch::jit::Value* Attribute(const std::pair<const void*, const void*>& key,
                               const c10::IValue& packed);
  // The value that an earlier Attribute made of the key; null when there was none.
  [[nodiscard]] torch::jit::Value* Find(const std::pair<const void*, const void*>& key) const;
  // A node before the insertion point; the first of its results.
  torch::jit::Value* Insert(const char* op, at::ArrayRef<torch::jit::NamedValue> arguments,
                            at::ArrayRef<torch::jit::NamedValue> named = {});
  // Nodes that nothing reads any more go, constants of their weights too.
  void Tidy();

 private:
  torch::jit::Module* module_;
  std::shared_ptr<torch::jit::Graph> graph_;
  std::map<std::pair<const void*, const void*>, torch::jit::Value*> packed_;
};

}  // namespace quantbench

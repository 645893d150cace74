// A torch engine as an older build leaves it beside the program: with another border.
#include "torch/module_abi.h"

extern "C" __attribute__((visibility("default"))) const QbTorchApi* quantbench_torch_api() {
  static const QbTorchApi api = [] {
    QbTorchApi old{};
    old.abi = kQbTorchAbi - 1;
    return old;
  }();
  return &api;
}

// The module's one function.
#include <torch/version.h>

#include "torch/archive.h"
#include "torch/guard.h"
#include "torch/module_abi.h"
#include "torch/quantize.h"

namespace quantbench {

std::string OneLine(std::string_view message) {
  // c10 puts where it was thrown from ("Exception raised from ...") and a stack behind its message.
  message = message.substr(0, message.find("\nException raised from"));
  std::string line;
  for (const char c : message) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line.empty() ? "no reason given" : line;
}

namespace {

char* Quantize(const QbTorchQuantizeRequest* request, char** report) {
  return Guard([&] { *report = CopyText(QuantizeTorch(*request).dump()); });
}

void FreeText(char* text) {
  std::free(text);
}

}  // namespace
}  // namespace quantbench

extern "C" __attribute__((visibility("default"))) const QbTorchApi* quantbench_torch_api() {
  static const QbTorchApi kApi = [] {
    QbTorchApi api = {};
    api.abi = kQbTorchAbi;
    api.version = TORCH_VERSION;
    api.free_text = quantbench::FreeText;
    api.quantize = quantbench::Quantize;
    return api;
  }();
  return &kApi;
}

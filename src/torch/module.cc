// The module's one function.
#include <torch/version.h>

#include "torch/describe.h"
#include "torch/guard.h"
#include "torch/module_abi.h"
#include "torch/quantize.h"
#include "torch/session.h"

namespace quantbench {

std::string OneLine(std::string_view message) {
  // c10 puts where it was thrown from ("Exception raised from ...") and a stack behind its message.
  message = message.substr(0, message.find("\nException raised from"));
  // The interpreter of TorchScript puts the model's source lines before what went wrong.
  constexpr std::string_view kRaised = "RuntimeError: ";
  const std::size_t raised = message.rfind(kRaised);
  if (raised != std::string_view::npos) message = message.substr(raised + kRaised.size());
  std::string line;
  for (const char c : message) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line.empty() ? "no reason given" : line;
}

namespace {

void FreeText(char* text) {
  std::free(text);
}

char* Describe(char** json) {
  return Guard([&] { *json = CopyText(DescribeTorch().dump()); });
}

char* MeasureBlasAt(std::int32_t threads, char** json) {
  return Guard([&] { *json = CopyText(MeasureBlas(threads).dump()); });
}

char* Load(const void* bytes, std::uint64_t size, const char* options, QbTorchSession** session) {
  return Guard([&] { *session = new QbTorchSession(bytes, size, nlohmann::json::parse(options)); });
}

char* Ports(QbTorchSession* session, char** json) {
  return Guard([&] { *json = CopyText(session->Ports().dump()); });
}

char* Bind(QbTorchSession* session, const QbTorchTensor* inputs, std::uint64_t count) {
  return Guard([&] { session->Bind(inputs, count); });
}

char* Run(QbTorchSession* session) {
  return Guard([&] { session->Run(); });
}

char* Fetch(QbTorchSession* session, QbTorchSee see, void* user) {
  return Guard([&] { session->Fetch(see, user); });
}

char* BeginProfile(QbTorchSession* session) {
  return Guard([&] { session->BeginProfile(); });
}

char* EndProfile(QbTorchSession* session, char** json) {
  return Guard([&] { *json = CopyText(session->EndProfile().dump()); });
}

void FreeSession(QbTorchSession* session) {
  delete session;
}

char* Quantize(const QbTorchQuantizeRequest* request, char** report) {
  return Guard([&] { *report = CopyText(QuantizeTorch(*request).dump()); });
}

constexpr QbTorchApi kApi = {kQbTorchAbi,  TORCH_VERSION, FreeText,    Describe, MeasureBlasAt,
                             Load,         Ports,         Bind,        Run,      Fetch,
                             BeginProfile, EndProfile,    FreeSession, Quantize};

}  // namespace
}  // namespace quantbench

extern "C" __attribute__((visibility("default"))) const QbTorchApi* quantbench_torch_api() {
  return &quantbench::kApi;
}

// Quantizing TorchScript, through the module's border.
#include <optional>
#include <utility>

#include "quantbench/base/format.h"
#include "quantbench/engine.h"

#include "engine/torch_module.h"

namespace quantbench {
namespace {

// What the module calls while it works. The first error of ours ends the work and is what is told.
struct Callbacks {
  const TorchQuantizeJob* job;
  std::vector<NamedTensor> sample;
  std::vector<QbTorchTensor> shown;
  std::optional<Error> error;
};

const char* NextSample(void* user, const QbTorchTensor** inputs, std::uint64_t* count) {
  Callbacks& calls = *static_cast<Callbacks*>(user);
  *count = 0;
  if (calls.error) return calls.error->message().c_str();
  auto sample = calls.job->next();
  if (!sample.ok()) {
    calls.error = sample.error();
    return calls.error->message().c_str();
  }
  calls.sample = std::move(sample).value();
  calls.shown.clear();
  for (const NamedTensor& input : calls.sample) {
    calls.shown.push_back({input.name.c_str(), static_cast<std::int32_t>(input.tensor.type),
                           static_cast<std::int32_t>(input.tensor.shape.size()),
                           input.tensor.shape.data(), input.tensor.bytes.data(),
                           input.tensor.bytes.size()});
  }
  *inputs = calls.shown.data();
  *count = calls.shown.size();
  return nullptr;
}

void SeeValue(void* user, const QbTorchTensor* shown) {
  Callbacks& calls = *static_cast<Callbacks*>(user);
  if (calls.error) return;
  TensorView view;
  view.type = static_cast<DataType>(shown->type);
  view.shape = {shown->shape, static_cast<std::size_t>(shown->rank)};
  view.bytes = {static_cast<const std::byte*>(shown->bytes), shown->size};
  if (auto seen = calls.job->see(shown->name, view); !seen.ok()) calls.error = seen.error();
}

void TakeBytes(void* user, const void* bytes, std::uint64_t size) {
  Callbacks& calls = *static_cast<Callbacks*>(user);
  if (calls.error) return;
  auto taken = calls.job->sink({static_cast<const std::byte*>(bytes), size});
  if (!taken.ok()) calls.error = taken.error();
}

}  // namespace

Result<Json> QuantizeTorchScript(const TorchQuantizeJob& job) {
  QB_TRY(const QbTorchApi* const api, OpenTorchModule());
  Callbacks calls{&job, {}, {}, {}};
  const std::string options = job.options.Dump();
  QbTorchQuantizeRequest request = {};
  request.bytes = job.bytes.data();
  request.size = job.bytes.size();
  request.options = options.c_str();
  if (job.next) request.next = NextSample;
  if (job.see) request.see = SeeValue;
  if (job.sink) request.sink = TakeBytes;
  request.next_user = request.see_user = request.sink_user = &calls;
  char* text = nullptr;
  auto done = TorchStatus(*api, api->quantize(&request, &text));
  if (calls.error) {
    if (text != nullptr) api->free_text(text);
    return *calls.error;
  }
  if (!done.ok()) return done.error();
  QB_TRY(Json report, TakeTorchJson(*api, text));
  if (report.Has("refused")) {
    return Error(ParseErrorCode(report["code"].AsString()),
                 Printable(report["refused"].AsString(), 600));
  }
  return report;
}

}  // namespace quantbench

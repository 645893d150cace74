// Workers, the child's side: read the request, do it, answer.
#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/protocol.h"

namespace quantbench {
namespace {

struct HandlerEntry {
  std::string_view op;
  WorkerHandler handler;
};
constexpr auto kHandlers = std::to_array<HandlerEntry>({
    {"calibrate", CalibrateInWorker},
    {"gather", GatherInWorker},
    {"explain-accuracy", ExplainAccuracyInWorker},
    {"verify", VerifyInWorker},
    {"bench", BenchInWorker},
    {"try-batches", TryBatchesInWorker},
    {"server", ServerInWorker},
    {"sustained", SustainedInWorker},
    {"energy", EnergyInWorker},
    {"rebatch", RebatchInWorker},
    {"memory", MemoryInWorker},
    {"evaluate", EvaluateInWorker},
    {"natural", NaturalInWorker},
    {"profile", ProfileInWorker},
    {"optimize", OptimizeInWorker},
    {"describe-engine", DescribeEngineInWorker},
    {"describe-torch", DescribeTorchInWorker},
    {"input-names", InputNamesInWorker},
    {"quantize-torch", QuantizeTorchInWorker},
});

std::string ReadRequest() {
  std::string text;
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (;;) {
    const ssize_t n = read(kWorkerChannel, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// False when the parent is gone.
bool SendLine(const Json& message) {
  const std::string line = message.Dump() + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = send(kWorkerChannel, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

class ChannelProgress final : public Progress {
 public:
  void Update(std::string_view step, std::int64_t done, std::int64_t total) override {
    SendLine(Json::MakeObject().Set("step", step).Set("done", done).Set("total", total));
  }
  void Note(std::string_view line) override { SendLine(Json::MakeObject().Set("note", line)); }
};

Result<Json> Dispatch(const Json& request) {
  for (const HandlerEntry& entry : kHandlers) {
    if (entry.op != request["op"].AsString()) continue;
    const auto engine =
        MakeRoutingEngine([&] { return OpenOnnxRuntime(request["engine"].AsString()); },
                          [&] { return OpenTorch(TorchSettings::FromJson(request["torch"])); });
    ChannelProgress progress;
    return entry.handler(request, *engine, progress);
  }
  return Error(ErrorCode::kInternal,
               Format("unknown request \"{}\"", Printable(request["op"].AsString())));
}

// The engine reports a lack of memory in words only.
bool TellsOfMemory(const std::string& message) {
  return message.find("bad_alloc") != std::string::npos ||
         message.find("Failed to allocate memory") != std::string::npos ||
         message.find("failed to allocate") != std::string::npos;
}

Json ErrorMessage(const Error& error) {
  return Json::MakeObject().Set("error", Json::MakeObject()
                                             .Set("code", Name(error.code()))
                                             .Set("message", error.message())
                                             .Set("out_of_memory", TellsOfMemory(error.message())));
}

Json Answer(const std::string& text) {
  try {
    auto request = Json::Parse(text);
    if (!request.ok()) return ErrorMessage(request.error().Within("worker request"));
    auto reply = Dispatch(request.value());
    if (!reply.ok()) return ErrorMessage(reply.error());
    return Json::MakeObject().Set("reply", std::move(reply).value());
  } catch (const std::bad_alloc&) {
    return ErrorMessage(Error(ErrorCode::kEngine, "out of memory (bad_alloc)"));
  } catch (const std::exception& exception) {
    return ErrorMessage(Error(ErrorCode::kInternal, Format("worker: {}", exception.what())));
  }
}

}  // namespace

int ServeWorker() {
  Json answer = Answer(ReadRequest());
  answer.Set("peak_bytes", PeakResidentBytes());
  return SendLine(answer) ? 0 : 1;
}

Result<Json> DescribeEngineInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)request;
  (void)progress;
  QB_OK(engine.Prepare({}));
  return Json::MakeObject()
      .Set("name", engine.name())
      .Set("version", engine.version())
      .Set("providers", Json::List(engine.providers()));
}

}  // namespace quantbench

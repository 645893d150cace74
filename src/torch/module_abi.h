// The border between the program and libquantbench_torch.so, the one place that sees libtorch:
// plain C, so that the two may be built with different C++ libraries and flags.
#pragma once

#include <cstdint>

// NOLINTBEGIN(modernize-use-using): C's own words
extern "C" {

// Goes up whenever anything below changes; the program takes no module of another number.
inline constexpr std::int32_t kQbTorchAbi = 3;

// The name of the one function that the module shows.
inline constexpr const char* kQbTorchEntry = "quantbench_torch_api";

// A model that is loaded. Not thread-safe.
struct QbTorchSession;

// Numbers with a name and a shape, row-major, seen only while the call lasts that shows them.
struct QbTorchTensor {
  const char* name;
  std::int32_t type;  // DataType of quantbench/tensor.h
  std::int32_t rank;
  const std::int64_t* shape;  // `rank` dimensions
  const void* bytes;
  std::uint64_t size;  // of bytes
};

using QbTorchSink = void (*)(void* user, const void* bytes, std::uint64_t size);
using QbTorchSee = void (*)(void* user, const QbTorchTensor* tensor);
// The inputs of the next sample, valid until the next call. `count` 0: there is none. Returns null,
// or what went wrong, valid until the next call.
using QbTorchNext = const char* (*)(void* user, const QbTorchTensor** inputs, std::uint64_t* count);

// What quantizing gets.
struct QbTorchQuantizeRequest {
  const void* bytes;  // of a TorchScript archive
  std::uint64_t size;
  const char* options;  // JSON
  // With the option "observe" nothing is made: the model runs over the samples that `next` gives,
  // and `see` is shown the values, by name, whose ranges static quantization needs.
  QbTorchNext next;
  void* next_user;
  QbTorchSee see;
  void* see_user;
  QbTorchSink sink;  // takes the archive that was made, piece by piece
  void* sink_user;
};

// Every function that returns text returns null when it succeeded, else why not: one line that the
// caller gives to free_text. Texts of results are the caller's too. Nothing throws.
struct QbTorchApi {
  std::int32_t abi;     // kQbTorchAbi
  const char* version;  // of libtorch: "1.13.1"
  void (*free_text)(char* text);

  // JSON: version, quantized_engines, quantized_engine, cuda_devices, blas, threads ...
  char* (*describe)(char** json);
  // How fast float32 matrices are multiplied, measured once: JSON {"gflops", "threads", "size"}.
  char* (*measure_blas)(std::int32_t threads, char** json);

  // `options`: JSON with "threads" (0: one per core), "device" ("cpu", "cuda"), "quantized_engine",
  // "freeze" and "inputs" (ports, where the archive does not state them).
  char* (*load)(const void* bytes, std::uint64_t size, const char* options,
                QbTorchSession** session);
  // JSON: inputs and outputs (name, type, dims), parameter_bytes, quantized_engine, device, frozen.
  char* (*ports)(QbTorchSession* session, char** json);
  // Copies the inputs, in any order, to where the model runs.
  char* (*bind)(QbTorchSession* session, const QbTorchTensor* inputs, std::uint64_t count);
  // One forward pass; on a GPU, until it is done.
  char* (*run)(QbTorchSession* session);
  // Shows every output of the last run, in order.
  char* (*fetch)(QbTorchSession* session, QbTorchSee see, void* user);
  // Between the two the operators of every run are timed, on the thread that runs. `json`: events
  // as ONNX Runtime's profiler writes them, "macs" beside the shapes.
  char* (*begin_profile)(QbTorchSession* session);
  char* (*end_profile)(QbTorchSession* session, char** json);
  void (*free_session)(QbTorchSession* session);

  // `report`: JSON, which layer became what and why not.
  char* (*quantize)(const QbTorchQuantizeRequest* request, char** report);
};

using QbTorchEntry = const QbTorchApi* (*)();
}
// NOLINTEND(modernize-use-using)

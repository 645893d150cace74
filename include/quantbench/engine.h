// engine: runs a model's bytes. Neither engine nor session can tell an original from a quantized
// one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/tensor.h"

namespace quantbench {

enum class GraphOptimization : std::uint8_t { kNone, kBasic, kExtended, kAll };
[[nodiscard]] std::string_view Name(GraphOptimization level);  // "none", "basic", "extended", "all"
[[nodiscard]] Result<GraphOptimization> ParseGraphOptimization(std::string_view name);

struct SessionOptions {
  int threads = 1;  // intra-op threads; 0: one per core
  GraphOptimization optimization = GraphOptimization::kAll;
  std::map<std::string, std::string>
      config;                        // engine-specific entries ("session.x64quantprecision")
  std::string optimized_model_path;  // when set: the graph after the engine's optimization
  std::string profile_prefix;        // when set: operators are timed; see Session::EndProfile

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<SessionOptions> FromJson(const Json& json);
};

// A tensor in the engine's memory, there only while it is shown.
struct TensorView {
  DataType type = DataType::kUndefined;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;  // row-major; aligned for its elements

  // T's size must be that of the element type.
  template <typename T>
  [[nodiscard]] std::span<const T> As() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// Sees values while a model runs, each as soon as it is computed and before its memory is used
// again: nothing is copied or kept. A model is watched where it has nodes of kWatchOperator: they
// read one tensor of numbers, carry the int attribute kWatchIndex, and put out an empty uint8
// tensor, which must be among the model's outputs.
inline constexpr std::string_view kWatchDomain = "quantbench";
inline constexpr std::string_view kWatchOperator = "Watch";
inline constexpr std::string_view kWatchIndex = "index";
class Watcher {
 public:
  Watcher() = default;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  Watcher(Watcher&&) = delete;
  Watcher& operator=(Watcher&&) = delete;
  virtual ~Watcher() = default;

  // On the thread that runs the session, one call at a time. Must not throw.
  virtual void See(std::int64_t index, const TensorView& value) = 0;
};

// A model as the engine takes it: its message, and the external files it names, all in memory, all
// alive until Load returns.
struct EngineModel {
  std::span<const std::byte> bytes;
  std::vector<std::pair<std::string, std::span<const std::byte>>> external;  // location, content
  Watcher* watcher = nullptr;  // of its Watch nodes; must outlive the session
};

struct PortDim {
  std::int64_t value = -1;  // >= 0 when fixed
  std::string name;         // of a free dimension; may be empty
};

// An input or output of a session.
struct Port {
  std::string name;
  DataType type = DataType::kUndefined;
  std::vector<PortDim> dims;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// One loaded model. Not thread-safe.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  Session(Session&&) = delete;
  Session& operator=(Session&&) = delete;
  virtual ~Session() = default;

  [[nodiscard]] virtual const std::vector<Port>& inputs() const = 0;
  [[nodiscard]] virtual const std::vector<Port>& outputs() const = 0;

  // Copies the inputs into memory the session owns and keeps them bound until the next Bind. Every
  // input must be given, with the right type and a shape that fits. Outputs are bound to memory
  // that the engine allocates, all of them or only `outputs`.
  [[nodiscard]] virtual Status Bind(std::span<const NamedTensor> inputs,
                                    std::span<const std::string> outputs = {}) = 0;
  // One forward pass over what is bound. Nothing else happens in here: this is what gets timed.
  [[nodiscard]] virtual Status Run() = 0;
  // Copies of the outputs of the last Run, in the order bound.
  [[nodiscard]] virtual Result<std::vector<NamedTensor>> Fetch() = 0;
  // Ends profiling: the path of the file, which begins with the options' prefix, of the engine's
  // own events as JSON. kInvalidArgument when the session was not loaded to profile.
  [[nodiscard]] virtual Result<std::string> EndProfile() = 0;
};

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  Engine(Engine&&) = delete;
  Engine& operator=(Engine&&) = delete;
  virtual ~Engine() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;     // "onnxruntime", "fake"
  [[nodiscard]] virtual std::string_view version() const = 0;  // "1.30.0"
  // What it was built to run on: "CPUExecutionProvider". Only the processor's is ever used.
  [[nodiscard]] virtual std::vector<std::string> providers() const = 0;
  // Opens what a model with these first bytes needs beyond the engine itself, so that no model's
  // loading pays for it.
  [[nodiscard]] virtual Status Prepare(std::span<const std::byte> head) {
    (void)head;
    return Ok();
  }
  // kEngine with the engine's own reason, made one line.
  [[nodiscard]] virtual Result<std::unique_ptr<Session>> Load(const EngineModel& model,
                                                              const SessionOptions& options) = 0;
};

// Where the engine library is looked for, in this order; the first that exists is taken.
struct EngineCandidate {
  std::string source;  // "--engine", "QUANTBENCH_ORT", "set-up copy", "system"
  std::string path;
};
// `flag`: the value of --engine, may be empty.
[[nodiscard]] std::vector<EngineCandidate> EngineCandidates(std::string_view flag);

// Opens ONNX Runtime (dlopen, API version 21, telemetry switched off before its first call).
// kUnavailable says where it was looked for and that `./dev setup` places one.
[[nodiscard]] Result<std::unique_ptr<Engine>> OpenOnnxRuntime(std::string_view flag = {});

// --- TorchScript, run by libtorch ---

// libtorch is opened through a module of ours, libquantbench_torch.so, which not every build has.
struct TorchSettings {
  std::string device;            // "cpu", "cuda"; empty: cpu
  std::string quantized_engine;  // "x86", "fbgemm", "onednn", "qnnpack"; empty: the best there is
  bool freeze = true;            // the module's parameters become constants, where that can be

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static TorchSettings FromJson(const Json& json);
  // These where they say something, else `others`.
  [[nodiscard]] TorchSettings Over(const TorchSettings& others) const;
  // What is not as by default, one member each; null where all is.
  [[nodiscard]] Json Unusual() const;
  friend bool operator==(const TorchSettings&, const TorchSettings&) = default;
};

// Whether a model with these first bytes is for libtorch: a zip archive, as TorchScript is.
[[nodiscard]] bool IsForTorch(std::span<const std::byte> head);
// QUANTBENCH_TORCH, beside this program, ../lib/quantbench.
[[nodiscard]] std::vector<EngineCandidate> TorchCandidates();

// "libtorch". Shapes and element types of inputs are known where the archive describes them
// (quantbench.json), else undefined; outputs likewise. Inputs are bound by name, or in order where
// the names are not the model's. kUnavailable without the module: says how to build it.
[[nodiscard]] Result<std::unique_ptr<Engine>> OpenTorch(const TorchSettings& settings);
// What libtorch it is: version, quantized_engines, quantized_engine, cuda_devices, blas, blas_file,
// blas_gflops (float32, 256 x 256, one thread, measured), parallel, config. Errors as OpenTorch.
[[nodiscard]] Result<Json> DescribeTorch(const TorchSettings& settings);

// One call of the module's quantizer. Options and report are its own (src/torch/quantize_plan.h).
struct TorchQuantizeJob {
  std::span<const std::byte> bytes;  // of the archive
  Json options;
  // With the option "observe": samples, an empty one after the last, and who sees the values whose
  // ranges are needed. Else not called.
  std::function<Result<std::vector<NamedTensor>>()> next;
  std::function<Status(std::string_view name, const TensorView& value)> see;
  // Takes the archive that is made, piece by piece.
  std::function<Status(std::span<const std::byte>)> sink;
};
// The report. Errors of the job's functions as they are; what cannot be done in one sentence:
// kInvalidArgument (a pattern of keep_float that matches nothing), kUnsupported (no layer that
// could be quantized); else kEngine. kUnavailable without the module.
[[nodiscard]] Result<Json> QuantizeTorchScript(const TorchQuantizeJob& job);

// Takes every model to the engine it is for. Each is opened when the first model for it comes.
using EngineMaker = std::function<Result<std::unique_ptr<Engine>>()>;
[[nodiscard]] std::unique_ptr<Engine> MakeRoutingEngine(EngineMaker onnx, EngineMaker torch);

// An engine without arithmetic, for tests: outputs, failures and times are set by the test.
struct FakeBehaviour {
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::vector<NamedTensor> results;              // what Fetch returns
  std::string load_error;                        // non-empty: Load fails with it
  std::int64_t fail_at_run = -1;                 // Run number (from 0) that fails
  std::vector<NamedTensor> watched;              // what a watcher sees in every Run, by index
  std::function<void(std::int64_t run)> on_run;  // e.g. advances a fake clock
};
[[nodiscard]] std::unique_ptr<Engine> MakeFakeEngine(FakeBehaviour behaviour);

}  // namespace quantbench

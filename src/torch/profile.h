// Times the operators of forward passes, as libtorch's dispatcher calls them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/record_function.h>
#include <nlohmann/json.hpp>

namespace quantbench {

// While it lives, the operators that this thread's passes call are timed. Of operators that call
// others only the outermost counts. Members throw.
class TorchProfile {
 public:
  // `engine`: of quantized arithmetic; told with every run.
  explicit TorchProfile(std::string engine);
  ~TorchProfile();
  TorchProfile(const TorchProfile&) = delete;
  TorchProfile& operator=(const TorchProfile&) = delete;
  TorchProfile(TorchProfile&&) = delete;
  TorchProfile& operator=(TorchProfile&&) = delete;

  void BeginRun();
  void EndRun();
  // Events of the form that ONNX Runtime's profiler writes: every operator ("cat": "Node", "name",
  // "ts", "dur" in microseconds; "args" with "op_name", "macs", "input_type_shape" and
  // "output_type_shape"), then "model_run" of its run.
  [[nodiscard]] nlohmann::ordered_json Events() const;

  // For the dispatcher's callbacks: before a call, and after it with what the first returned.
  // A call's inputs are there before it only: what it returns may lie in their place.
  [[nodiscard]] std::size_t Begin(const at::RecordFunction& call);
  void End(std::size_t op, const at::RecordFunction& call, std::int64_t start_ns,
           std::int64_t end_ns);

 private:
  // A name of its own for the n-th call of an operator in a run, and what that call is like.
  struct Operator {
    std::string name;
    std::string type;
    std::vector<c10::IValue> inputs;  // of the first call, while it runs
    nlohmann::ordered_json args;      // null until that has ended
  };
  struct Event {
    std::size_t op;  // kRun: a whole run
    std::int64_t start_ns;
    std::int64_t end_ns;
  };
  static constexpr std::size_t kRun = static_cast<std::size_t>(-1);

  std::string engine_;
  at::CallbackHandle handle_;
  std::int64_t first_ns_;    // of the profile: times count from here
  std::int64_t run_ns_ = 0;  // when the run began
  std::vector<Operator> operators_;
  std::map<std::pair<std::string, std::int64_t>, std::size_t> places_;  // by type and call
  std::map<std::string, std::int64_t> calls_;                           // of this run, by type
  std::vector<Event> events_;
};

}  // namespace quantbench

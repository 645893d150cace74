// Times the operators of forward passes, as libtorch's dispatcher calls them.
#include "torch/profile.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

#include "torch/operator_work.h"

namespace quantbench {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Of this thread. Threads that help inside an operator have none.
thread_local TorchProfile* active = nullptr;
thread_local int depth = 0;

std::int64_t NowNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

struct Started final : at::ObserverContext {
  std::size_t op = 0;
  std::int64_t ns = 0;
};

std::unique_ptr<at::ObserverContext> OnStart(const at::RecordFunction& call) {
  if (active == nullptr || ++depth > 1) return nullptr;
  auto started = std::make_unique<Started>();
  started->op = active->Begin(call);
  started->ns = NowNs();
  return started;
}

void OnEnd(const at::RecordFunction& call, at::ObserverContext* context) {
  if (active == nullptr) return;
  // Whatever End throws, the dispatcher swallows. What End calls is none of the model's.
  struct Leave {
    ~Leave() { --depth; }
  } const leave;
  if (context != nullptr) {
    const auto* started = static_cast<Started*>(context);
    active->End(started->op, call, started->ns, NowNs());
  }
}

std::string_view TypeName(c10::ScalarType type) {
  switch (type) {
    case c10::ScalarType::Float: return "float32";
    case c10::ScalarType::Double: return "float64";
    case c10::ScalarType::Half: return "float16";
    case c10::ScalarType::BFloat16: return "bfloat16";
    case c10::ScalarType::QUInt8:
    case c10::ScalarType::Byte: return "uint8";
    case c10::ScalarType::QInt8:
    case c10::ScalarType::Char: return "int8";
    case c10::ScalarType::QInt32:
    case c10::ScalarType::Int: return "int32";
    case c10::ScalarType::Long: return "int64";
    case c10::ScalarType::Bool: return "bool";
    default: return "undefined";
  }
}

OrderedJson TypesAndShapes(const std::vector<c10::IValue>& values) {
  OrderedJson list = OrderedJson::array();
  for (const c10::IValue& value : values) {
    if (!value.isTensor() || !value.toTensor().defined()) continue;
    const at::Tensor& tensor = value.toTensor();
    list.push_back({{std::string(TypeName(tensor.scalar_type())), tensor.sizes().vec()}});
  }
  return list;
}

// Calls by way of the interpreter's stack show all of it: what belongs to the call is at its end.
template <typename Values>
std::vector<c10::IValue> Last(const Values& values, std::size_t count) {
  const std::size_t there = std::min(values.size(), count);
  // In braces two pointers would become two values.
  return std::vector<c10::IValue>(values.end() - static_cast<std::ptrdiff_t>(there), values.end());
}

// 0 where libtorch does not let its packed weights be seen.
std::int64_t MacsOrNone(const std::string& type, const std::vector<c10::IValue>& inputs,
                        const std::vector<c10::IValue>& outputs) {
  try {
    return MacsOfCall(type, inputs, outputs);
  } catch (const std::exception&) {
    return 0;
  }
}

double Micros(std::int64_t ns) {
  return static_cast<double>(ns) / 1000;
}

}  // namespace

TorchProfile::TorchProfile(std::string engine) : engine_(std::move(engine)), first_ns_(NowNs()) {
  handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(OnStart, OnEnd)
                                           .needsInputs(true)
                                           .needsOutputs(true)
                                           .scopes({at::RecordScope::FUNCTION}));
}

TorchProfile::~TorchProfile() {
  at::removeCallback(handle_);
}

void TorchProfile::BeginRun() {
  calls_.clear();
  depth = 0;
  active = this;
  run_ns_ = NowNs();
}

void TorchProfile::EndRun() {
  events_.push_back({kRun, run_ns_, NowNs()});
  active = nullptr;
}

std::size_t TorchProfile::Begin(const at::RecordFunction& call) {
  const std::string type = call.name();
  const std::int64_t nth = ++calls_[type];
  const auto [place, is_new] = places_.emplace(std::pair(type, nth), operators_.size());
  if (is_new) {
    Operator op;
    op.name = type + " " + std::to_string(nth);
    op.type = type;
    op.inputs = Last(call.inputs(), call.num_inputs());
    operators_.push_back(std::move(op));
  }
  return place->second;
}

// What a call is like is looked at once: it takes as long as a small operator.
void TorchProfile::End(std::size_t op, const at::RecordFunction& call, std::int64_t start_ns,
                       std::int64_t end_ns) {
  events_.push_back({op, start_ns, end_ns});
  Operator& called = operators_[op];
  if (!called.args.is_null()) return;
  const std::vector<c10::IValue> outputs = Last(call.outputs(), call.num_outputs());
  called.args = {{"op_name", called.type},
                 {"macs", MacsOrNone(called.type, called.inputs, outputs)},
                 {"input_type_shape", TypesAndShapes(called.inputs)},
                 {"output_type_shape", TypesAndShapes(outputs)}};
  called.inputs.clear();
}

OrderedJson TorchProfile::Events() const {
  OrderedJson list = OrderedJson::array();
  for (const Event& event : events_) {
    const bool is_run = event.op == kRun;
    const OrderedJson run = {{"engine", engine_}};
    list.push_back({{"cat", is_run ? "Session" : "Node"},
                    {"name", is_run ? "model_run" : operators_[event.op].name + "_kernel_time"},
                    {"ts", Micros(event.start_ns - first_ns_)},
                    {"dur", Micros(event.end_ns - event.start_ns)},
                    {"args", is_run ? run : operators_[event.op].args}});
  }
  return list;
}

}  // namespace quantbench

// What watching costs: a model's bare forward passes, the same observed for min-max and for
// histograms, in turn within one process, over the same synthetic samples.
//   calibrate_bench MODEL SAMPLES THREADS ROUNDS
// Prints, for wall and for CPU time, the milliseconds of the fastest bare pass of the graph as it
// is written (which is what is observed) and as the engine optimizes it, and how many times the
// first of these the fastest observed pass took, with all that belongs to it. The fastest, because
// what others do on the machine only ever adds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/calibrate.h"
#include "quantbench/quantize.h"

#include "calibrate/watched_model.h"

namespace quantbench {
namespace {

template <typename T>
T Must(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().message().c_str());
  std::exit(5);
}

// Samples made beforehand: making them is no part of watching.
class Kept final : public Dataset {
 public:
  explicit Kept(const Dataset& from) {
    for (std::int64_t i = 0; i < from.size(); ++i) samples_.push_back(Must(from.Get(i)));
  }
  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(samples_.size());
  }
  [[nodiscard]] bool has_labels() const override { return false; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return samples_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<Sample> samples_;
};

// Milliseconds of every pass.
struct PassTimes {
  std::vector<double> wall;
  std::vector<double> cpu;
};

class PassClock {
 public:
  explicit PassClock(PassTimes* times) : times_(times) { Start(); }
  void Start() {
    cpu_ = SystemClock().CpuNs();
    wall_ = SystemClock().NowNs();
  }
  void Stop() {
    times_->wall.push_back(static_cast<double>(SystemClock().NowNs() - wall_) * 1e-6);
    times_->cpu.push_back(static_cast<double>(SystemClock().CpuNs() - cpu_) * 1e-6);
  }

 private:
  PassTimes* times_;
  std::int64_t wall_ = 0;
  std::int64_t cpu_ = 0;
};

struct Work {
  const Model& model;
  Engine& engine;
  const Dataset& dataset;
  std::vector<std::string> tensors;
  std::int64_t samples;
  SessionOptions session;
};

void RunBare(const Work& work, const SessionOptions& session, PassTimes* times) {
  const auto bytes = Must(EncodeToBytes(work.model));
  EngineModel engine_model{bytes, {}};
  for (const auto& [location, file] : work.model.external_files) {
    engine_model.external.emplace_back(location, file->bytes());
  }
  const auto loaded = Must(work.engine.Load(engine_model, session));
  const std::vector<InputSpec> inputs = InputsOf(work.model);
  for (std::int64_t sample = -1; sample < work.samples; ++sample) {
    const std::vector<std::int64_t> one = {std::max<std::int64_t>(0, sample)};
    std::vector<Tensor> values = Must(MakeBatch(work.dataset, one, inputs));
    std::vector<NamedTensor> named;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      named.push_back({inputs[i].name, std::move(values[i])});
    }
    Must(loaded->Bind(named));
    PassClock clock(times);
    Must(loaded->Run());
    if (sample >= 0) clock.Stop();  // the first is a warm-up
  }
}

void RunObserved(const Work& work, bool histograms, PassTimes* times) {
  CalibrateOptions options;
  options.samples = work.samples + 1;
  options.histograms = histograms;
  options.session = work.session;
  PassClock clock(times);
  bool is_warm = false;
  options.checkpoint = [&](const CalibrationStatistics&) {
    if (is_warm) clock.Stop();
    is_warm = true;
    clock.Start();
    return Ok();
  };
  SilentProgress silent;
  Must(ObserveTensors(work.model, work.engine, work.dataset, work.tensors, options, silent));
}

double FastestOf(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

void PrintTimes(const char* name, std::vector<double> PassTimes::*of,
                const std::vector<PassTimes>& arms) {
  const double bare = FastestOf(arms[0].*of);
  std::printf("%s: bare %.2f ms, optimized %.2f ms, min-max %.2f, histograms %.2f\n", name, bare,
              FastestOf(arms[1].*of), FastestOf(arms[2].*of) / bare, FastestOf(arms[3].*of) / bare);
}

int Main(char** arguments) {
  const Model model =
      Must(PrepareFor(Must(LoadModel(arguments[1])), Must(FindRecipe("static-int8")), nullptr));
  const auto engine = Must(OpenOnnxRuntime());
  SyntheticSpec spec;
  spec.samples = std::atoi(arguments[2]) + 1;
  std::vector<std::string> notes;
  const Kept dataset(*Must(MakeSynthetic(spec, InputsOf(model), &notes)));
  Work work{model,
            *engine,
            dataset,
            TensorsToObserve(model, Must(FindRecipe("static-int8"))),
            std::atoi(arguments[2]),
            {}};
  work.session.threads = std::atoi(arguments[3]);
  std::vector<PassTimes> arms(4);
  for (int round = 0; round < std::atoi(arguments[4]); ++round) {
    RunBare(work, Unfused(work.session), &arms[0]);
    RunBare(work, work.session, &arms[1]);
    RunObserved(work, false, &arms[2]);
    RunObserved(work, true, &arms[3]);
  }
  std::printf("%zu tensors\n", work.tensors.size());
  PrintTimes("wall", &PassTimes::wall, arms);
  PrintTimes("cpu", &PassTimes::cpu, arms);
  return 0;
}

}  // namespace
}  // namespace quantbench

int main(int argc, char** argv) {
  if (argc == 5) return quantbench::Main(argv);
  std::fprintf(stderr, "usage: calibrate_bench MODEL SAMPLES THREADS ROUNDS\n");
  return 2;
}

// Latency at the samples' natural sizes, beside made-up samples of the same shapes.
#include <algorithm>
#include <numeric>

#include "quantbench/base/random.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// One arm with one of two inputs, and its times.
struct NaturalLap {
  Session* session = nullptr;
  const std::vector<NamedTensor>* inputs = nullptr;
  std::vector<double> ns;
};

// Binds, runs once uncounted, then once counted.
Status RunLap(const Clock& clock, NaturalLap* lap) {
  QB_OK(lap->session->Bind(*lap->inputs));
  QB_OK(lap->session->Run());
  const std::int64_t start = clock.NowNs();
  QB_OK(lap->session->Run());
  lap->ns.push_back(static_cast<double>(clock.NowNs() - start));
  return Ok();
}

// The inputs with every dimension as the batch has it.
std::vector<InputSpec> ShapesOf(std::vector<InputSpec> inputs,
                                const std::vector<NamedTensor>& batch) {
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].dims = batch[i].tensor.shape;
  return inputs;
}

// Synthetic values of the same shapes; inputs that the batch fills with one value keep it, and
// masks stay as they are: what differs is the content, not the work asked for.
Result<std::vector<NamedTensor>> SyntheticTwin(const std::vector<InputSpec>& inputs,
                                               const std::vector<NamedTensor>& batch,
                                               const SyntheticSpec& spec) {
  const std::vector<InputSpec> shapes = ShapesOf(inputs, batch);
  SyntheticSpec enough = spec;
  enough.samples = 1;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i].batched) enough.samples = std::max(enough.samples, shapes[i].dims.front());
  }
  std::vector<std::string> notes;
  QB_TRY(const auto dataset, MakeSynthetic(enough, shapes, &notes));
  std::vector<std::int64_t> indices(static_cast<std::size_t>(enough.samples));
  std::iota(indices.begin(), indices.end(), 0);
  QB_TRY(std::vector<Tensor> tensors, MakeBatch(*dataset, indices, shapes));
  std::vector<NamedTensor> named = NameTensors(shapes, std::move(tensors));
  for (std::size_t i = 0; i < named.size(); ++i) {
    const bool mask = batch[i].name.find("mask") != std::string::npos;
    if (mask || !shapes[i].batched) named[i] = batch[i];
  }
  return named;
}

Result<NaturalRun> RunNatural(const std::vector<Session*>& arms,
                              const std::vector<NamedTensor>& real,
                              const std::vector<NamedTensor>& synthetic, int repetitions,
                              const Clock& clock, Random* random) {
  std::vector<NaturalLap> laps;
  for (Session* arm : arms) {
    laps.push_back({arm, &real, {}});
    laps.push_back({arm, &synthetic, {}});
  }
  std::vector<std::size_t> order(laps.size());
  std::iota(order.begin(), order.end(), 0U);
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random->Below(i)]);
    }
    for (const std::size_t index : order) QB_OK(RunLap(clock, &laps[index]));
  }
  NaturalRun run;
  for (const NamedTensor& input : real) run.size = std::max(run.size, input.tensor.elements());
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    run.real_ns.push_back(Median(laps[2 * arm].ns));
    run.synthetic_ns.push_back(Median(laps[2 * arm + 1].ns));
  }
  return run;
}

}  // namespace

Result<std::vector<NaturalRun>> MeasureNatural(const std::vector<Session*>& arms,
                                               const Dataset& dataset,
                                               const std::vector<InputSpec>& inputs,
                                               const NaturalPlan& plan, const Clock& clock,
                                               Progress& progress) {
  const std::int64_t batches = std::min(plan.batches, dataset.size() / plan.batch);
  if (batches < 1) return Error(ErrorCode::kMalformed, "the data set has less than a batch");
  Random random(plan.synthetic.seed);
  Loader loader(dataset, {0, batches * plan.batch, plan.batch, plan.skip_bad, 1});
  std::vector<NaturalRun> runs;
  for (std::int64_t b = 0; b < batches; ++b) {
    QB_TRY(const std::vector<Sample> samples, loader.Next(plan.batch));
    if (static_cast<std::int64_t>(samples.size()) < plan.batch) break;
    QB_TRY(const std::vector<InputSpec> resolved, ResolveInputs(inputs, plan.batch, {}));
    QB_TRY(std::vector<Tensor> tensors, StackSamples(dataset, samples, resolved));
    const std::vector<NamedTensor> real = NameTensors(resolved, std::move(tensors));
    SyntheticSpec seeded = plan.synthetic;
    seeded.seed = random.Next();
    QB_TRY(const std::vector<NamedTensor> twin, SyntheticTwin(resolved, real, seeded));
    QB_TRY(NaturalRun run, RunNatural(arms, real, twin, plan.repetitions, clock, &random));
    runs.push_back(std::move(run));
    progress.Update("measuring real and synthetic", b + 1, batches);
  }
  return runs;
}

}  // namespace quantbench

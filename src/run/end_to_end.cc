// The way from file to answer, part by part.
#include "run/end_to_end.h"

namespace quantbench {
namespace {

// Adds the time since it was last asked to one part after the other.
class PartWatch {
 public:
  explicit PartWatch(const Clock& clock) : clock_(clock), last_(clock.NowNs()) {}
  void Add(std::int64_t* part) {
    const std::int64_t now = clock_.NowNs();
    *part += now - last_;
    last_ = now;
  }

 private:
  const Clock& clock_;
  std::int64_t last_;
};

Status RunParts(Session& session, const CellInput& input, std::int64_t first, PartWatch* watch,
                PassParts* parts) {
  const Dataset& dataset = *input.opened.dataset;
  std::vector<Sample> samples;
  for (std::int64_t i = 0; i < input.batch; ++i) {
    QB_TRY(Sample sample,
           dataset.GetInSteps((first + i) % dataset.size(), [&] { watch->Add(&parts->load_ns); }));
    samples.push_back(std::move(sample));
    watch->Add(&parts->preprocess_ns);
  }
  QB_TRY(std::vector<Tensor> tensors, StackSamples(dataset, samples, input.inputs));
  const std::vector<NamedTensor> batch = NameTensors(input.inputs, std::move(tensors));
  watch->Add(&parts->preprocess_ns);
  QB_OK(session.Bind(batch));
  watch->Add(&parts->copy_ns);
  QB_OK(session.Run());
  watch->Add(&parts->run_ns);
  QB_TRY(const std::vector<NamedTensor> outputs, session.Fetch());
  watch->Add(&parts->copy_ns);
  return Ok();
}

}  // namespace

Pass MakeEndToEndPass(Session& session, const CellInput& input, const Clock& clock,
                      std::vector<PassParts>* passes) {
  return [&session, &input, &clock, passes, next = std::int64_t{0}]() mutable -> Status {
    PartWatch watch(clock);
    PassParts parts;
    QB_OK(RunParts(session, input, next, &watch, &parts));
    next += input.batch;
    passes->push_back(parts);
    return Ok();
  };
}

Json ToJson(std::span<const PassParts> passes) {
  Json load = Json::Array{};
  Json preprocess = Json::Array{};
  Json copy = Json::Array{};
  Json run = Json::Array{};
  for (const PassParts& parts : passes) {
    load.Append(parts.load_ns);
    preprocess.Append(parts.preprocess_ns);
    copy.Append(parts.copy_ns);
    run.Append(parts.run_ns);
  }
  return Json::MakeObject()
      .Set("load_ns", std::move(load))
      .Set("preprocess_ns", std::move(preprocess))
      .Set("copy_ns", std::move(copy))
      .Set("run_ns", std::move(run));
}

}  // namespace quantbench

// Reading the request, and observing as it says.
#include "run/calibrate_request.h"

#include "quantbench/base/format.h"

#include "run/verify_model.h"

namespace quantbench {

Result<CalibrateRequest> CalibrateRequest::Of(const Json& request) {
  CalibrateRequest result;
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  QB_TRY(result.recipe, Recipe::FromJson(request["recipe"]));
  QB_TRY(result.settings, CalibrationSettings::FromJson(request["settings"]));
  const std::string path = request["path"].AsString();
  QB_TRY(const std::vector<InputSpec> inputs, SingleSampleInputs(path, source));
  QB_TRY(result.opened, OpenInput(source, inputs));
  QB_TRY(Model model, LoadModel(path));
  QB_OK(CheckModel(model));
  QB_TRY(result.prepared, PrepareFor(std::move(model), result.recipe, nullptr));
  result.threads = static_cast<int>(request["threads"].AsInt());
  return result;
}

CalibrateOptions CalibrateRequest::Options() const {
  CalibrateOptions options;
  options.samples = settings.samples;
  options.until_stable = settings.until_stable;
  options.observer = settings.observer;
  options.memory_bytes = settings.memory_bytes;
  options.session.threads = threads;
  return options;
}

Result<CalibrationStatistics> CalibrateRequest::Observe(const CalibrateOptions& options,
                                                        Engine& engine, Progress& progress) const {
  QB_TRY(CalibrationStatistics seen,
         ObserveTensors(prepared, engine, *opened.dataset, TensorsToObserve(prepared, recipe),
                        options, progress));
  seen.source = Format("{}, {} samples", opened.source, seen.samples);
  return seen;
}

}  // namespace quantbench

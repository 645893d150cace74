// Statistics of layer inputs, gathered in a worker and handed over in a file.
#include "run/input_statistics.h"

#include <cstring>
#include <filesystem>

#include "quantbench/base/format.h"
#include "quantbench/base/scratch_folder.h"

#include "run/arms.h"
#include "run/protocol.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

Json ToJson(const InputReading& reading) {
  return Json::MakeObject()
      .Set("patches", reading.patches)
      .Set("groups", reading.groups)
      .Set("kernel", Json::List(reading.kernel))
      .Set("strides", Json::List(reading.strides))
      .Set("dilations", Json::List(reading.dilations))
      .Set("pads", Json::List(reading.pads))
      .Set("auto_pad", reading.auto_pad);
}

std::vector<std::int64_t> Ints(const Json& json) {
  std::vector<std::int64_t> ints;
  for (const Json& value : json.AsArray()) ints.push_back(value.AsInt());
  return ints;
}

InputReading ReadingFromJson(const Json& json) {
  InputReading reading;
  reading.patches = json["patches"].AsBool();
  reading.groups = json["groups"].AsInt(1);
  reading.kernel = Ints(json["kernel"]);
  reading.strides = Ints(json["strides"]);
  reading.dilations = Ints(json["dilations"]);
  reading.pads = Ints(json["pads"]);
  reading.auto_pad = json["auto_pad"].AsString();
  return reading;
}

Json ToJson(const InputRequest& request) {
  return Json::MakeObject()
      .Set("tensor", request.tensor)
      .Set("reading", ToJson(request.reading))
      .Set("gram", request.gram)
      .Set("outputs", Json::List(request.outputs));
}

InputRequest RequestFromJson(const Json& json) {
  InputRequest request;
  request.tensor = json["tensor"].AsString();
  request.reading = ReadingFromJson(json["reading"]);
  request.gram = json["gram"].AsBool();
  for (const Json& output : json["outputs"].AsArray()) request.outputs.push_back(output.AsString());
  return request;
}

// The numbers of one request lie one after the other in the file, as doubles.
class Numbers {
 public:
  explicit Numbers(AtomicFile* file) : file_(file) {}

  Status Append(const std::vector<double>& values) {
    written_ += values.size();
    return file_->Write(std::as_bytes(std::span(values)));
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  AtomicFile* file_;
  std::uint64_t written_ = 0;
};

// What the file cannot say: shapes and names, and where the numbers begin.
Result<Json> WriteOne(const InputStatistics& one, Numbers* numbers) {
  const std::uint64_t begin = numbers->written();
  for (const auto* values :
       {&one.mean, &one.abs_mean, &one.min, &one.max, &one.abs_max, &one.gram}) {
    QB_OK(numbers->Append(*values));
  }
  Json outputs = Json::MakeObject();
  for (const auto& [name, means] : one.output_means) {
    QB_OK(numbers->Append(means));
    outputs.Set(name, static_cast<std::int64_t>(means.size()));
  }
  return Json::MakeObject()
      .Set("tensor", one.tensor)
      .Set("reading", ToJson(one.reading))
      .Set("groups", one.groups)
      .Set("depth", one.depth)
      .Set("rows", one.rows)
      .Set("gram", !one.gram.empty())
      .Set("begin", begin)
      .Set("outputs", std::move(outputs));
}

}  // namespace

std::int64_t GatheredStatistics::size() const {
  return static_cast<std::int64_t>(entries_.AsArray().size());
}

Result<InputStatistics> GatheredStatistics::Get(std::int64_t request) const {
  QB_CHECK(request >= 0 && request < size(), "no such request");
  const Json& entry = entries_.AsArray()[static_cast<std::size_t>(request)];
  InputStatistics one;
  one.tensor = entry["tensor"].AsString();
  one.reading = ReadingFromJson(entry["reading"]);
  one.groups = entry["groups"].AsInt(1);
  one.depth = entry["depth"].AsInt();
  one.rows = entry["rows"].AsInt();
  auto at = static_cast<std::uint64_t>(entry["begin"].AsInt());
  const std::span<const std::byte> bytes = file_->bytes();
  const auto take = [&](std::int64_t count, std::vector<double>* values) {
    const auto n = static_cast<std::size_t>(count);
    if (count < 0 || (at + n) * sizeof(double) > bytes.size()) return false;
    values->resize(n);
    if (n > 0) std::memcpy(values->data(), bytes.data() + at * sizeof(double), n * sizeof(double));
    at += n;
    return true;
  };
  const std::int64_t width = one.groups * one.depth;
  bool whole = take(width, &one.mean) && take(width, &one.abs_mean) && take(width, &one.min) &&
               take(width, &one.max) && take(width, &one.abs_max) &&
               take(entry["gram"].AsBool() ? width * one.depth : 0, &one.gram);
  for (const auto& [name, count] : entry["outputs"].AsObject()) {
    whole = whole && take(count.AsInt(), &one.output_means[name]);
  }
  if (!whole) return Error(ErrorCode::kInternal, "gathered statistics are cut short");
  return one;
}

Result<Json> GatherInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  QB_TRY(const Recipe recipe, Recipe::FromJson(request["recipe"]));
  const std::string path = request["path"].AsString();
  QB_TRY(const std::vector<InputSpec> inputs, SingleSampleInputs(path, source));
  QB_TRY(const OpenedInput opened, OpenInput(source, inputs));
  QB_TRY(Model model, LoadModel(path));
  QB_TRY(const Model prepared, PrepareFor(std::move(model), recipe, nullptr));
  InputStatisticsOptions options;
  options.samples = request["samples"].AsInt(options.samples);
  options.memory_bytes = static_cast<std::uint64_t>(request["memory"].AsInt());
  options.patches_per_sample = request["patches"].AsInt();
  options.threads = static_cast<int>(request["threads"].AsInt());
  options.session.threads = options.threads;
  std::vector<InputRequest> requests;
  for (const Json& one : request["requests"].AsArray()) requests.push_back(RequestFromJson(one));
  QB_TRY(AtomicFile file, AtomicFile::Create(request["file"].AsString()));
  Numbers numbers(&file);
  Json entries = Json::Array{};
  const InputStatisticsSink sink = [&](const InputStatistics& one) -> Status {
    QB_TRY(Json entry, WriteOne(one, &numbers));
    entries.Append(std::move(entry));
    return Ok();
  };
  QB_OK(StreamInputStatistics(prepared, {engine, *opened.dataset}, requests, options, sink,
                              progress));
  QB_OK(file.Commit());
  return Json::MakeObject()
      .Set("entries", std::move(entries))
      .Set("samples", std::min(options.samples, opened.dataset->size()));
}

Result<GatheredStatistics> GatherByWorker(const QuantizeOptions& options,
                                          const std::vector<InputRequest>& requests,
                                          const InputStatisticsOptions& gather,
                                          const WorkerOptions& worker, Progress& progress) {
  QB_TRY(const ScratchFolder scratch, ScratchFolder::Make());
  const fs::path file = scratch.path() / "statistics";
  Json list = Json::Array{};
  for (const InputRequest& request : requests) list.Append(ToJson(request));
  const Json request = Json::MakeObject()
                           .Set("op", "gather")
                           .Set("path", options.model.string())
                           .Set("recipe", options.recipe.ToJson())
                           .Set("input", ToJson(InputOf(options)))
                           .Set("samples", gather.samples)
                           .Set("memory", gather.memory_bytes)
                           .Set("patches", gather.patches_per_sample)
                           .Set("threads", gather.threads)
                           .Set("requests", std::move(list))
                           .Set("file", file.string());
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("watching {}: {}", options.model.string(), result.reason));
  }
  GatheredStatistics gathered;
  gathered.entries_ = result.reply["entries"];
  gathered.samples_ = result.reply["samples"].AsInt();
  QB_TRY(gathered.file_, MappedFile::Open(file));
  return gathered;
}

}  // namespace quantbench

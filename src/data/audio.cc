// Kind "audio": recordings, whole or step by step.
#include <algorithm>
#include <charconv>
#include <system_error>

#include "quantbench/base/format.h"

#include "data/audio_features.h"
#include "data/file_labels.h"
#include "data/kinds.h"
#include "data/preprocess.h"
#include "data/text_lines.h"
#include "data/wav.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// A stretch of speech, in samples.
struct Segment {
  double begin = 0;
  double end = 0;
};

// Segments of an .rttm file: "SPEAKER <file> <channel> <begin s> <length s> ...".
// [NIST RT-09 evaluation plan, appendix A]
Result<std::vector<Segment>> ReadRttm(const fs::path& path, std::int64_t rate) {
  QB_TRY(const TextLines lines, TextLines::Open(path));
  std::vector<Segment> segments;
  for (std::int64_t i = 0; i < lines.size(); ++i) {
    QB_TRY(std::string_view line, lines.Line(i));
    std::vector<std::string_view> fields;
    while (!line.empty()) {
      const std::size_t space = std::min(line.find(' '), line.size());
      if (space > 0) fields.push_back(line.substr(0, space));
      line.remove_prefix(std::min(space + 1, line.size()));
    }
    if (fields.empty() || fields[0] != "SPEAKER") continue;
    double begin = -1;
    double length = -1;
    if (fields.size() > 4) {
      std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), begin);
      std::from_chars(fields[4].data(), fields[4].data() + fields[4].size(), length);
    }
    if (!(begin >= 0 && length >= 0 && begin < 1e9 && length < 1e9)) {
      return Error(ErrorCode::kMalformed,
                   Format("{}:{}: no begin and length in seconds", path.string(), lines.Number(i)));
    }
    const auto hz = static_cast<double>(rate);
    segments.push_back({begin * hz, (begin + length) * hz});
  }
  return segments;
}

struct Recording {
  FileLabel file;
  std::int64_t steps = 0;
  std::vector<Segment> speech;
};

class AudioDataset final : public Dataset {
 public:
  AudioDataset(DataSpec spec, std::vector<InputSpec> inputs, std::size_t signal,
               std::vector<Recording> recordings)
      : spec_(std::move(spec)),
        inputs_(std::move(inputs)),
        signal_(signal),
        recordings_(std::move(recordings)) {
    for (const Recording& recording : recordings_) ends_.push_back(size() + Steps(recording));
  }

  [[nodiscard]] std::int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  [[nodiscard]] bool has_labels() const override { return !spec_.labels.empty(); }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return GetInSteps(index, [] {});
  }
  [[nodiscard]] Result<Sample> GetInSteps(std::int64_t index,
                                          const std::function<void()>& loaded) const override {
    const auto after = std::upper_bound(ends_.begin(), ends_.end(), index);
    const auto at = static_cast<std::size_t>(after - ends_.begin());
    const Recording& recording = recordings_[at];
    const std::int64_t step = index - (at == 0 ? 0 : ends_[at - 1]);
    QB_TRY(const WavFile wav, WavFile::Open(spec_.path / recording.file.file));
    Sample sample;
    auto signal = Signal(wav, step, loaded);
    if (!signal.ok()) return signal.error().Within((spec_.path / recording.file.file).string());
    QB_OK(FillInputs(std::move(signal).value(), &sample));
    Label(recording, step, &sample);
    if (spec_.audio.step > 0) sample.stream = static_cast<std::int64_t>(at);
    return sample;
  }

 private:
  [[nodiscard]] std::int64_t Steps(const Recording& recording) const {
    return spec_.audio.step > 0 ? recording.steps : 1;
  }

  [[nodiscard]] Result<Tensor> Signal(const WavFile& wav, std::int64_t step,
                                      const std::function<void()>& loaded) const {
    const AudioOptions& audio = spec_.audio;
    if (wav.rate() != audio.rate) {
      return Error(ErrorCode::kMalformed,
                   Format("{} Hz, the data set says {} Hz", wav.rate(), audio.rate));
    }
    std::int64_t begin = 0;
    std::int64_t end = audio.samples > 0 ? audio.samples : wav.samples();
    if (audio.step > 0) {
      end = (step + 1) * audio.step;
      begin = step * audio.step - audio.context;
    }
    const std::vector<float> samples = wav.Read(begin, end);
    loaded();
    if (audio.features == "raw") {
      return Tensor::OfFloats({static_cast<std::int64_t>(samples.size())}, samples);
    }
    const std::vector<std::vector<float>> frames = FeaturesOf(samples, audio);
    if (frames.empty()) {
      return Error(ErrorCode::kMalformed,
                   Format("{} samples are less than a window of {}", samples.size(), audio.window));
    }
    return Arrange(frames, audio.axes == "mel-time");
  }

  static Tensor Arrange(const std::vector<std::vector<float>>& frames, bool bands_first) {
    const std::size_t bands = frames.front().size();
    std::vector<float> values;
    values.reserve(frames.size() * bands);
    for (std::size_t i = 0; i < frames.size() * bands; ++i) {
      values.push_back(bands_first ? frames[i % frames.size()][i / frames.size()]
                                   : frames[i / bands][i % bands]);
    }
    const auto time = static_cast<std::int64_t>(frames.size());
    const auto height = static_cast<std::int64_t>(bands);
    return Tensor::OfFloats(bands_first ? Shape{height, time} : Shape{time, height}, values);
  }

  Status FillInputs(const Tensor& signal, Sample* sample) const {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const InputSpec& input = inputs_[i];
      if (i == signal_) {
        QB_TRY(Tensor tensor, ToInput(signal, spec_.preprocess, 1, input));
        sample->inputs.push_back(std::move(tensor));
        continue;
      }
      const double constant = spec_.inputs.at(input.name).constant.value_or(0);
      Shape shape(input.dims.begin() + (input.batched ? 1 : 0), input.dims.end());
      for (std::int64_t& dim : shape) dim = std::max<std::int64_t>(dim, 1);
      QB_TRY(const std::int64_t count, ElementCount(shape));
      QB_TRY(Tensor tensor,
             FromDoubles(input.type, shape,
                         std::vector<double>(static_cast<std::size_t>(count), constant)));
      sample->inputs.push_back(std::move(tensor));
    }
    return Ok();
  }

  void Label(const Recording& recording, std::int64_t step, Sample* sample) const {
    sample->name = recording.file.file;
    sample->transcript = recording.file.text;
    sample->label = recording.file.label;
    if (spec_.audio.step == 0) return;
    const double middle = (static_cast<double>(step) + 0.5) * static_cast<double>(spec_.audio.step);
    sample->name += Format(" at {:.2f} s", middle / static_cast<double>(spec_.audio.rate));
    if (spec_.labels.empty() || recording.file.label >= 0) return;
    sample->label = std::any_of(recording.speech.begin(), recording.speech.end(),
                                [&](const Segment& segment) {
                                  return middle >= segment.begin && middle < segment.end;
                                })
                        ? 1
                        : 0;
  }

  DataSpec spec_;
  std::vector<InputSpec> inputs_;
  std::size_t signal_;
  std::vector<Recording> recordings_;
  std::vector<std::int64_t> ends_;  // of the samples of each recording
};

// The input that takes the signal: the only one without a constant or feedback.
Result<std::size_t> SignalInput(const DataSpec& spec, const std::vector<InputSpec>& inputs) {
  std::size_t signal = inputs.size();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto rule = spec.inputs.find(inputs[i].name);
    const bool filled =
        rule != spec.inputs.end() && (rule->second.constant || !rule->second.feedback.empty());
    if (filled) continue;
    if (signal < inputs.size()) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("inputs \"{}\" and \"{}\" would both take the signal; give the others a "
                          "number or `feedback` in `inputs`",
                          Printable(inputs[signal].name), Printable(inputs[i].name)));
    }
    signal = i;
  }
  if (signal == inputs.size()) {
    return Error(ErrorCode::kInvalidArgument, "no input takes the signal");
  }
  return signal;
}

Result<std::vector<FileLabel>> ListWavs(const DataSpec& spec, bool labelled) {
  if (labelled) {
    return ReadFileLabels(spec.path, spec.labels, spec.TaskOf() == Task::kTranscribe);
  }
  std::vector<FileLabel> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(spec.path, error)) {
    if (entry.path().extension() == ".wav") files.push_back({entry.path().filename(), -1, ""});
  }
  if (error) {
    return Error(ErrorCode::kNotFound, Format("{}: {}", spec.path.string(), error.message()));
  }
  std::sort(files.begin(), files.end(),
            [](const FileLabel& a, const FileLabel& b) { return a.file < b.file; });
  return files;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenAudio(const DataSpec& spec,
                                           const std::vector<InputSpec>& inputs) {
  QB_OK(CheckFeatures(spec.audio));
  QB_TRY(const std::size_t signal, SignalInput(spec, inputs));
  std::error_code error;
  const bool segments = fs::is_directory(spec.labels, error);
  QB_TRY(const std::vector<FileLabel> files, ListWavs(spec, !spec.labels.empty() && !segments));
  if (files.empty()) {
    return Error(ErrorCode::kMalformed, Format("{}: no WAV files", spec.path.string()));
  }
  std::vector<Recording> recordings;
  for (const FileLabel& file : files) {
    Recording recording{file, 0, {}};
    if (spec.audio.step > 0) {
      QB_TRY(const WavFile wav, WavFile::Open(spec.path / file.file));
      recording.steps = wav.samples() / spec.audio.step;
      if (segments) {
        const fs::path rttm = spec.labels / fs::path(file.file).replace_extension(".rttm");
        QB_TRY(recording.speech, ReadRttm(rttm, spec.audio.rate));
      }
    }
    recordings.push_back(std::move(recording));
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<AudioDataset>(spec, inputs, signal, std::move(recordings)));
}

}  // namespace quantbench

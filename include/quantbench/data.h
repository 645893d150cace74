// data: samples and their truth, from files a user can make, decoded and preprocessed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/tensor.h"

namespace quantbench {

// What happens to a sample between file and model, in this order:
//   images: resize (short side, or to `size`; bilinear with antialias as PIL and torchvision do
//   it), centre crop, then for images and arrays: x * scale, (x - mean[c]) / std[c], layout.
// Channels are the axis of size mean.size(); a single mean or std applies to every element.
struct Preprocess {
  int resize = 0;                  // short side in pixels; 0: none
  int crop = 0;                    // side of the centred square in pixels; 0: none
  std::vector<std::int64_t> size;  // height, width of a plain resize; empty: none
  std::optional<double> scale;     // default: 1/255 for image folders, 1 for arrays
  std::vector<double> mean;
  std::vector<double> std;
  std::string channels = "rgb";  // of image files: "rgb", "bgr" or "gray"
  std::string layout = "nchw";   // what the model wants of images: "nchw" or "nhwc"
  std::string stored;  // how a 3-d array sample is stored: "nhwc" is transposed to `layout`

  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

// How one model input is filled, when it is not the (only) array of the data set.
struct InputRule {
  std::string array;               // a file (.npy, .npy.gz) or the name of an array in the .npz
  std::string nonzero_of;          // 1 where that other input is not 0, else 0 (attention masks)
  std::optional<double> constant;  // every element
  std::string feedback;            // the output of the step before; zeros at the start of a stream
};

// Text: what is read from a .tsv, .jsonl or .txt file, and how it becomes token ids.
struct TextOptions {
  std::vector<std::string>
      columns;                      // one or two (a pair), by name; by number ("0") without heading
  std::string label;                // column of the class; empty: "label" where there is one
  std::filesystem::path tokenizer;  // tokenizer.json, or vocab.txt (a token a line)
  std::string model;                // of a vocab.txt: "wordpiece" (default) or "words"
  bool lowercase = true;            // of a vocab.txt: lower case, accents stripped (as BERT's)
  std::int64_t max_length = 0;      // tokens, longer texts are cut; 0: what the model takes, or 512
  std::int64_t length = 0;          // kind "tokens": length of a window; 0: the rows as they are
  std::int64_t stride = 0;          // kind "tokens": between windows; 0: `length`

  template <typename Options, typename Visitor>
  static void Visit(Options& o, Visitor&& v) {
    v("columns", o.columns);
    v("label", o.label);
    v("tokenizer", o.tokenizer);
    v("model", o.model);
    v("lowercase", o.lowercase);
    v("max_length", o.max_length);
    v("length", o.length);
    v("stride", o.stride);
  }
};

// Audio: WAV files (8 to 32-bit PCM or 32-bit float; several channels become their mean) into what
// the model takes. Formulas: audio_features.h of the room.
struct AudioOptions {
  std::string features = "raw";       // "raw", "log-mel", "mfcc"
  std::int64_t rate = 16000;          // Hz; a file of another rate is a bad sample
  std::int64_t samples = 0;           // cut, or padded with zeros, to this length; 0: as it is
  std::int64_t window = 512;          // samples of a frame, Hann-windowed; power of two
  std::int64_t hop = 160;             // samples between frames
  std::int64_t mels = 80;             // triangular filters
  std::int64_t coefficients = 13;     // of "mfcc"
  double low_hz = 0;                  // lower edge of the filters
  double high_hz = 0;                 // upper edge; 0: half the rate
  std::string logarithm = "natural";  // of log-mel and mfcc: "natural", "log10" or "decibel"
  double floor = 1e-10;               // energies below it count as it
  std::string axes = "mel-time";      // order of the last two axes: "mel-time" or "time-mel"
  std::int64_t step = 0;              // > 0: a recording is a stream of steps of that many samples,
  std::int64_t context = 0;           // each with that many samples before it in front

  template <typename Options, typename Visitor>
  static void Visit(Options& o, Visitor&& v) {
    v("features", o.features);
    v("rate", o.rate);
    v("samples", o.samples);
    v("window", o.window);
    v("hop", o.hop);
    v("mels", o.mels);
    v("coefficients", o.coefficients);
    v("low_hz", o.low_hz);
    v("high_hz", o.high_hz);
    v("logarithm", o.logarithm);
    v("floor", o.floor);
    v("axes", o.axes);
    v("step", o.step);
    v("context", o.context);
  }
};

// How answers are read from the model's first output.
struct AnswerOptions {
  std::string head;                  // of detectors: "fastestdet", "yolov8" or "boxes"
  double score = 0.05;               // detections below it are dropped
  double iou = 0.45;                 // overlap at which the lower-scored detection is dropped
  double threshold = 0.5;            // of a model that answers with one probability
  std::filesystem::path vocabulary;  // of a transcriber: a symbol a line
  std::int64_t blank = 0;            // of a transcriber: the class that says nothing

  template <typename Options, typename Visitor>
  static void Visit(Options& o, Visitor&& v) {
    v("head", o.head);
    v("score", o.score);
    v("iou", o.iou);
    v("threshold", o.threshold);
    v("vocabulary", o.vocabulary);
    v("blank", o.blank);
  }
};

// What is asked of a model, and so what its answers are.
enum class Task : std::uint8_t {
  kClassify,       // a class a sample, or one a row of the output
  kLanguageModel,  // the next token at every place
  kDetect,         // boxes with classes
  kTranscribe,     // words
};
[[nodiscard]] std::string_view Name(Task task);  // "classify", "language-model", "detect", ...
[[nodiscard]] Result<Task> ParseTask(std::string_view name);

struct DataSpec {
  std::string id;
  std::string kind;                         // one of DataKinds()
  std::filesystem::path path;               // folder, or file
  std::filesystem::path labels;             // see docs/data.md; empty: none
  std::map<std::string, InputRule> inputs;  // by model input; empty: the one input gets the samples
  Preprocess preprocess;
  TextOptions text;
  AudioOptions audio;
  AnswerOptions answer;
  std::string task;        // name of a Task; empty: what the kind suggests
  std::int64_t limit = 0;  // use only the first n samples (after shuffling); 0: all
  bool shuffle = false;
  std::uint64_t seed = 1;
  bool skip_bad = false;  // bad samples are left out, counted and named; else they end the work

  [[nodiscard]] Task TaskOf() const;  // `task`, or by kind: "tokens" language-model, "coco" detect
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<DataSpec> FromJson(const Json& json);
};

// The kinds of data set, for error messages and help.
[[nodiscard]] std::vector<std::string_view> DataKinds();

// One value for every free dimension of every input: by dimension name, by "input:axis", batch
// apart.
using DimValues = std::map<std::string, std::int64_t>;

// What the data must fill: name, element type and shape of an input as the model states it. The
// first dimension is the batch when `batched`.
struct InputSpec {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<std::int64_t> dims;      // -1 where free
  std::vector<std::string> dim_names;  // same length; "" where fixed or anonymous
  bool batched = true;                 // the first dimension is the batch; never so for rank 0
  std::int64_t rows = 0;  // of the smallest table that its values look up; 0: none is known
};

// "x=float32[batch,3,224,224]": words are free dimensions. kInvalidArgument quotes the text.
[[nodiscard]] Result<InputSpec> ParseInputSpec(std::string_view text);
[[nodiscard]] std::string ToString(const InputSpec& input);  // the same, to be parsed again
// The input whose first dimension is the batch: exporters name no axis so. Where some input has a
// free first dimension, that is the batch, and an input whose first dimension is fixed is whole in
// every sample (a state of two layers, [2, B, 128]). Where all are fixed, the first input says what
// the batch is.
void MarkBatched(std::vector<InputSpec>* inputs);

// A box and its class, in shares of the image's width and height.
struct Box {
  std::int32_t label = 0;
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
  bool crowd = false;  // a group that was not taken apart: matches any number of detections
};

struct Sample {
  std::string name;                   // "cat/0001.jpg", "#17": what errors and tables call it
  std::vector<Tensor> inputs;         // one per InputSpec, without the batch dimension
  std::int64_t label = -1;            // -1: none
  std::vector<std::int32_t> targets;  // one a row of the answer (next tokens); empty: none
  std::vector<Box> boxes;             // kDetect
  std::string transcript;             // kTranscribe
  std::int64_t stream = -1;           // samples of one stream follow each other; -1: none
};

// Samples in a fixed order; reading one is independent of the others and keeps nothing.
class Dataset {
 public:
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  Dataset(Dataset&&) = delete;
  Dataset& operator=(Dataset&&) = delete;
  virtual ~Dataset() = default;

  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual bool has_labels() const = 0;
  // kMalformed names the sample: "data/x.jpg: corrupt JPEG: ...".
  [[nodiscard]] virtual Result<Sample> Get(std::int64_t index) const = 0;
  // What stands beyond the end of a shorter sample where samples of several lengths meet in one
  // batch; nothing where they may not.
  [[nodiscard]] virtual std::optional<double> Padding(std::size_t input) const {
    (void)input;
    return std::nullopt;
  }
  // As Get; calls `loaded` between the two steps of it: once the sample is read and decoded, and
  // before it is preprocessed. A data set whose steps are one calls it at the end.
  [[nodiscard]] virtual Result<Sample> GetInSteps(std::int64_t index,
                                                  const std::function<void()>& loaded) const {
    auto sample = Get(index);
    loaded();
    return sample;
  }
};

// Opens what the spec names and checks it against the model's inputs (types are converted: integers
// to the model's integer type when they fit, anything to float). Errors name file, element, reason.
[[nodiscard]] Result<std::unique_ptr<Dataset>> OpenDataset(const DataSpec& spec,
                                                           const std::vector<InputSpec>& inputs);

// Seeded samples without files: floats standard normal; integers that look like token ids (an
// int64/int32 input that looks up a table, or of rank 2 whose name has "id" or "token") uniform in
// [0, vocabulary), always below the table's rows; masks
// (name has "mask") ones; "type" or "segment" ids zeros; other integers zeros; bool true. Free
// dimensions take `dims`, else 32 for sequence-like names, else 1 for the batch axis, else 16;
// every choice made is listed in `notes`.
struct SyntheticSpec {
  DimValues dims;
  std::int64_t samples = 16;
  std::int64_t vocabulary = 1000;
  std::uint64_t seed = 1;
  std::map<std::string, double> constants;  // by input: every element
};
[[nodiscard]] Result<std::unique_ptr<Dataset>> MakeSynthetic(const SyntheticSpec& spec,
                                                             const std::vector<InputSpec>& inputs,
                                                             std::vector<std::string>* notes);

// Samples stacked along a new first axis, one tensor per input; an input whose first dimension is
// not a batch (rank 0, or `batched` false for it) takes the first sample's value. Samples of
// different lengths are padded to the longest where the data set says with what; other
// differences of shape in one batch: kInvalidArgument.
[[nodiscard]] Result<std::vector<Tensor>> StackSamples(const Dataset& dataset,
                                                       const std::vector<Sample>& samples,
                                                       const std::vector<InputSpec>& inputs);
// The same of the samples `indices`.
[[nodiscard]] Result<std::vector<Tensor>> MakeBatch(const Dataset& dataset,
                                                    const std::vector<std::int64_t>& indices,
                                                    const std::vector<InputSpec>& inputs);

// A sample that could not be read.
struct BadSample {
  std::int64_t index = 0;
  std::string reason;  // names the sample
};

// Samples in order, read ahead by threads; at most `threads` + 1 groups of samples are in memory.
class Loader {
 public:
  // `begin` to `end` of the data set. `group`: samples a thread reads at a time. `skip_bad`: bad
  // samples are left out and noted; else the first ends the loading. `threads` 0: one a core.
  struct Options {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::int64_t group = 32;
    bool skip_bad = false;
    int threads = 0;
  };
  Loader(const Dataset& dataset, const Options& options);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  Loader(Loader&&) = delete;
  Loader& operator=(Loader&&) = delete;
  ~Loader();

  // Up to `count` good samples more; fewer only at the end, none when all were given.
  [[nodiscard]] Result<std::vector<Sample>> Next(std::int64_t count);
  [[nodiscard]] const std::vector<BadSample>& bad() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For a process that loads many samples: memory that they free stays with it for the next ones. To
// give it back and ask for it anew took a third of an image's loading (perf, bench/image_loading).
// Does nothing where the C library is not glibc.
void KeepFreedMemory();

// Text to token ids as the reference tokenizers do it. One Tokenizer may serve several threads.
class Tokenizer {
 public:
  // Special tokens and what else a vocabulary fixes.
  struct Frame {
    std::vector<std::int32_t> before;   // special tokens before the first text,
    std::vector<std::int32_t> between;  // after it when a second follows,
    std::vector<std::int32_t> after;    // and at the end
    std::int32_t second_type = 1;       // type of the second text
    std::int32_t pad = 0;
    std::int64_t vocabulary = 0;  // ids lie below this
  };
  explicit Tokenizer(Frame frame) : frame_(std::move(frame)) {}
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  Tokenizer(Tokenizer&&) = delete;
  Tokenizer& operator=(Tokenizer&&) = delete;
  virtual ~Tokenizer() = default;

  struct Encoding {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> types;  // 0 for the first text, 1 for the second
  };
  // Special tokens around the texts; `pair` may be null; cut to `max_length` tokens (0: not), the
  // longer text first. Invalid UTF-8: kMalformed.
  [[nodiscard]] Result<Encoding> Encode(std::string_view text, const std::string* pair,
                                        std::int64_t max_length) const;
  // Ids of the text alone, without special tokens.
  [[nodiscard]] virtual Result<std::vector<std::int32_t>> Ids(std::string_view text) const = 0;
  [[nodiscard]] std::int32_t pad() const { return frame_.pad; }
  [[nodiscard]] std::int64_t vocabulary() const { return frame_.vocabulary; }

 private:
  Frame frame_;
};
// tokenizer.json (WordPiece or byte-level BPE) or a vocab.txt. kUnsupported names the part of a
// tokenizer.json that is not understood: it is never left out in silence.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TextOptions& options);

// A whole .npy array (version 1 to 3, C or Fortran order, little- or big-endian numbers and bool,
// optionally gzip-compressed). Object arrays (pickle) are refused, never evaluated.
[[nodiscard]] Result<Tensor> ReadNpy(const std::filesystem::path& path);
// A member of an .npz (stored or deflated), with a limit on the inflated size.
[[nodiscard]] Result<Tensor> ReadNpz(const std::filesystem::path& path, std::string_view member);

// An 8-bit RGB or gray image, row-major, interleaved.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels;
};
// JPEG or PNG by content, not by name; at most 64 Mpixel, checked before allocation. CMYK, 16-bit
// and palette images are converted as PIL's convert("RGB") does.
[[nodiscard]] Result<Image> DecodeImage(std::string_view bytes, std::string_view name,
                                        int channels);
// PIL's resize with BILINEAR (support scaled by the reduction, 8-bit fixed-point coefficients).
[[nodiscard]] Image ResizeBilinear(const Image& image, int width, int height);

}  // namespace quantbench

// Data sets of text, tokens, audio, boxes and CIFAR; JSON labels; reading ahead.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/data.h"

namespace quantbench {
namespace kinds_test {

namespace fs = std::filesystem;

const std::string kTokenizers = std::string(QB_SOURCE_DIR) + "/tests/data/tokenizers/";
const std::vector<InputSpec> kTextInputs = {
    {"input_ids", DataType::kInt64, {-1, -1}, {"n", "seq"}, true},
    {"attention_mask", DataType::kInt64, {-1, -1}, {"n", "seq"}, true},
    {"token_type_ids", DataType::kInt64, {-1, -1}, {"n", "seq"}, true}};

std::string Bytes(std::initializer_list<std::int64_t> values, int width) {
  std::string bytes;
  for (const std::int64_t value : values) {
    for (int i = 0; i < width; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFF);
  }
  return bytes;
}

std::string Wav(const std::vector<std::int16_t>& samples, std::int64_t rate,
                std::int64_t channels = 1) {
  std::string data(samples.size() * 2, '\0');
  std::memcpy(data.data(), samples.data(), data.size());
  const auto size = static_cast<std::int64_t>(data.size());
  return "RIFF" + Bytes({size + 36}, 4) + "WAVEfmt " + Bytes({16}, 4) + Bytes({1, channels}, 2) +
         Bytes({rate, rate * 2 * channels}, 4) + Bytes({2 * channels, 16}, 2) + "data" +
         Bytes({size}, 4) + data;
}

class Kinds : public ::testing::Test {
 protected:
  Kinds()
      : folder_(fs::temp_directory_path() /
                ("qb_kinds_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~Kinds() override { fs::remove_all(folder_); }
  void Put(const std::string& name, const std::string& bytes) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] DataSpec Spec(const std::string& kind, const std::string& path) const {
    DataSpec spec;
    spec.id = "d";
    spec.kind = kind;
    spec.path = folder_ / path;
    return spec;
  }
  [[nodiscard]] DataSpec Text(const std::string& path) const {
    DataSpec spec = Spec("text", path);
    spec.text.tokenizer = kTokenizers + "vocab.txt";
    return spec;
  }
  fs::path folder_;
};

std::vector<double> Values(const Sample& sample, std::size_t input) {
  return ToDoubles(sample.inputs[input]).value();
}

TEST_F(Kinds, TextComesFromTsvAndJsonLines) {
  Put("a.tsv", "\xEF\xBB\xBFsentence\tlabel\r\nthe fox\t1\r\nthe\t0\r\n");
  Put("a.jsonl", "{\"text\": \"the fox\", \"label\": 1}\n\n{\"text\": \"the\", \"label\": 0}\n");
  for (const char* file : {"a.tsv", "a.jsonl"}) {
    const auto dataset = OpenDataset(Text(file), kTextInputs);
    ASSERT_TRUE(dataset.ok()) << dataset.error().message();
    ASSERT_EQ(dataset.value()->size(), 2);
    const Sample first = dataset.value()->Get(0).value();
    EXPECT_EQ(first.label, 1);
    EXPECT_EQ(first.inputs[0].shape, (Shape{4}));  // [CLS] the fox [SEP]
    EXPECT_EQ(Values(first, 1), (std::vector<double>{1, 1, 1, 1}));
    // The shorter one is padded in the batch, and masked there.
    const auto batch = MakeBatch(*dataset.value(), {0, 1}, kTextInputs);
    ASSERT_TRUE(batch.ok()) << batch.error().message();
    EXPECT_EQ(batch.value()[0].shape, (Shape{2, 4}));
    EXPECT_EQ(ToDoubles(batch.value()[1]).value(), (std::vector<double>{1, 1, 1, 1, 1, 1, 1, 0}));
  }
}

TEST_F(Kinds, PairsOfTextsHaveTypes) {
  Put("a.tsv", "the\tfox\t1\n");
  DataSpec spec = Text("a.tsv");
  spec.text.columns = {"0", "1"};
  spec.text.label = "2";
  const auto dataset = OpenDataset(spec, kTextInputs);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  const Sample sample = dataset.value()->Get(0).value();
  EXPECT_EQ(Values(sample, 2), (std::vector<double>{0, 0, 0, 1, 1}));
  EXPECT_EQ(sample.label, 1);
}

TEST_F(Kinds, AFixedLengthPadsEverySample) {
  Put("a.txt", "the fox\n");
  std::vector<InputSpec> inputs = kTextInputs;
  for (InputSpec& input : inputs) input.dims[1] = 6;
  const auto dataset = OpenDataset(Text("a.txt"), inputs);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  EXPECT_EQ(dataset.value()->Get(0).value().inputs[0].shape, (Shape{6}));
  EXPECT_FALSE(dataset.value()->has_labels());
}

TEST_F(Kinds, TokensAskForTheNext) {
  Put("a.bin", Bytes({5, 6, 7, 8, 9, 10, 11}, 2));
  DataSpec spec = Spec("tokens", "a.bin");
  spec.text.length = 3;
  const std::vector<InputSpec> inputs = {kTextInputs[0]};
  const auto dataset = OpenDataset(spec, inputs);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  ASSERT_EQ(dataset.value()->size(), 2);
  const Sample second = dataset.value()->Get(1).value();
  EXPECT_EQ(Values(second, 0), (std::vector<double>{8, 9, 10}));
  EXPECT_EQ(second.targets, (std::vector<std::int32_t>{9, 10, 11}));
  EXPECT_EQ(spec.TaskOf(), Task::kLanguageModel);
}

TEST_F(Kinds, TokensComeFromTextToo) {
  Put("a.txt", "the quick brown fox jumps over the lazy dog\nand it's not\n");
  DataSpec spec = Spec("tokens", "a.txt");
  spec.text.tokenizer = kTokenizers + "bpe-gpt2.json";
  spec.text.length = 8;
  spec.text.stride = 4;
  const auto dataset = OpenDataset(spec, {kTextInputs[0]});
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  ASSERT_GE(dataset.value()->size(), 2);
  const Sample first = dataset.value()->Get(0).value();
  const Sample second = dataset.value()->Get(1).value();
  EXPECT_EQ(Values(first, 0)[4], Values(second, 0)[0]);
}

TEST_F(Kinds, CifarHasItsLabelFirst) {
  std::string record(3073, '\x07');
  record[0] = 3;
  record[1] = static_cast<char>(255);
  Put("batches/a.bin", record + std::string(1, 4) + record.substr(1));
  Put("batches/notes.txt", "no");
  DataSpec spec = Spec("cifar10", "batches");
  spec.preprocess.scale = 1;
  const auto dataset =
      OpenDataset(spec, {{"x", DataType::kFloat32, {-1, 3, 32, 32}, {"", "", "", ""}, true}});
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  ASSERT_EQ(dataset.value()->size(), 2);
  const Sample second = dataset.value()->Get(1).value();
  EXPECT_EQ(second.label, 4);
  EXPECT_EQ(Values(second, 0)[0], 255);
  EXPECT_EQ(Values(second, 0)[3071], 7);
}

TEST_F(Kinds, JsonLabelsServeAsCsvDoes) {
  const std::string source = std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/";
  fs::create_directories(folder_ / "images");
  fs::copy(source + "wide.png", folder_ / "images" / "a.png");
  fs::copy(source + "small.jpg", folder_ / "images" / "b.jpg");
  Put("object.json", R"({"b.jpg": 7, "a.png": 2})");
  Put("list.json", R"([{"file": "b.jpg", "label": 7}, {"file": "a.png", "label": 2}])");
  for (const char* labels : {"object.json", "list.json"}) {
    DataSpec spec = Spec("image-folder", "images");
    spec.labels = folder_ / labels;
    spec.preprocess.size = {8, 12};
    const auto dataset =
        OpenDataset(spec, {{"x", DataType::kFloat32, {-1, 3, 8, 12}, {"", "", "", ""}, true}});
    ASSERT_TRUE(dataset.ok()) << dataset.error().message();
    const Sample sample = dataset.value()->Get(0).value();
    EXPECT_EQ(sample.name, "b.jpg");
    EXPECT_EQ(sample.label, 7);
  }
}

TEST_F(Kinds, AudioIsReadScaledAndMixed) {
  Put("w/a.wav", Wav({16384, 0, -32768, 0}, 8000, 2));
  DataSpec spec = Spec("audio", "w");
  spec.audio.rate = 8000;
  spec.audio.samples = 3;
  const auto dataset = OpenDataset(spec, {{"x", DataType::kFloat32, {-1, -1}, {"", ""}, true}});
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  EXPECT_EQ(Values(dataset.value()->Get(0).value(), 0), (std::vector<double>{0.25, -0.5, 0}));
}

TEST_F(Kinds, StreamsAreCutIntoStepsWithContextAndSegments) {
  Put("w/a.wav", Wav(std::vector<std::int16_t>(10, 8192), 10));
  Put("w/a.rttm", "SPEAKER a 1 0.40 0.30 <NA> <NA> s <NA>\n");
  DataSpec spec = Spec("audio", "w");
  spec.labels = folder_ / "w";
  spec.audio.rate = 10;
  spec.audio.step = 4;
  spec.audio.context = 2;
  spec.inputs["state"].feedback = "stateN";
  spec.inputs["state"].constant = 0;
  const auto dataset =
      OpenDataset(spec, {{"x", DataType::kFloat32, {-1, -1}, {"", ""}, true},
                         {"state", DataType::kFloat32, {2, -1, 3}, {"", "", ""}, false}});
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  ASSERT_EQ(dataset.value()->size(), 2);  // two samples are left over
  const Sample first = dataset.value()->Get(0).value();
  EXPECT_EQ(Values(first, 0), (std::vector<double>{0, 0, 0.25, 0.25, 0.25, 0.25}));
  EXPECT_EQ(first.inputs[1].shape, (Shape{2, 1, 3}));
  EXPECT_EQ(first.label, 0);  // the middle, 0.2 s, is before the segment
  EXPECT_EQ(first.stream, 0);
  EXPECT_EQ(dataset.value()->Get(1).value().label, 1);
}

// A sine of 1000 Hz at 8 kHz with 64 samples a frame: bin 8 of the spectrum holds (64 / 4)^2 = 256
// of energy, its neighbours a quarter of it (the Hann window's spectrum is 1/4, 1/2, 1/4).
TEST_F(Kinds, LogMelHasTheEnergyOfASine) {
  std::vector<std::int16_t> wave;
  for (int i = 0; i < 128; ++i) {
    wave.push_back(static_cast<std::int16_t>(
        std::lround(16384 * std::sin(2 * std::numbers::pi * 1000 * i / 8000))));
  }
  Put("w/a.wav", Wav(wave, 8000));
  DataSpec spec = Spec("audio", "w");
  spec.audio.features = "log-mel";
  spec.audio.rate = 8000;
  spec.audio.window = 64;
  spec.audio.hop = 64;
  spec.audio.mels = 3;
  const std::vector<InputSpec> inputs = {
      {"x", DataType::kFloat32, {-1, -1, -1}, {"", "", ""}, true}};
  const auto dataset = OpenDataset(spec, inputs);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  const Sample sample = dataset.value()->Get(0).value();
  EXPECT_EQ(sample.inputs[0].shape, (Shape{3, 2}));
  // The triangles' corners in Hz, and the weights of bins 7, 8 and 9 in the middle one.
  const double step = 2595 * std::log10(1 + 4000.0 / 700) / 4;
  const auto hz = [&](int k) { return 700 * (std::pow(10, step * k / 2595) - 1); };
  double energy = 0;
  for (const auto& [bin, power] : {std::pair{7, 16.0}, {8, 64.0}, {9, 16.0}}) {
    const double f = bin * 125.0;
    energy += power *
              std::max(0.0, std::min((f - hz(1)) / (hz(2) - hz(1)), (hz(3) - f) / (hz(3) - hz(2))));
  }
  EXPECT_NEAR(Values(sample, 0)[2], std::log(energy), 1e-3);
  // The first cepstral coefficient is the sum of the bands over the root of their number.
  spec.audio.features = "mfcc";
  spec.audio.coefficients = 2;
  spec.audio.axes = "time-mel";
  const Sample cepstra = OpenDataset(spec, inputs).value()->Get(0).value();
  EXPECT_EQ(cepstra.inputs[0].shape, (Shape{2, 2}));
  const std::vector<double> bands = Values(sample, 0);
  EXPECT_NEAR(Values(cepstra, 0)[0], (bands[0] + bands[2] + bands[4]) / std::sqrt(3.0), 1e-4);
}

TEST_F(Kinds, CocoBoxesBecomeSharesAndClassesByRisingId) {
  const std::string source = std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/";
  fs::create_directories(folder_ / "images");
  fs::copy(source + "wide.png", folder_ / "images" / "a.png");
  Put("a.json", R"({"images": [{"id": 5, "file_name": "a.png", "width": 61, "height": 40}],
      "categories": [{"id": 90}, {"id": 3}],
      "annotations": [{"image_id": 5, "category_id": 90, "bbox": [6.1, 4, 30.5, 20], "iscrowd": 1}]})");
  DataSpec spec = Spec("coco", "images");
  spec.labels = folder_ / "a.json";
  spec.preprocess.size = {4, 4};
  const auto dataset =
      OpenDataset(spec, {{"x", DataType::kFloat32, {-1, 3, 4, 4}, {"", "", "", ""}, true}});
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  const Sample sample = dataset.value()->Get(0).value();
  ASSERT_EQ(sample.boxes.size(), 1U);
  EXPECT_EQ(sample.boxes[0].label, 1);
  EXPECT_NEAR(sample.boxes[0].left, 0.1, 1e-9);
  EXPECT_NEAR(sample.boxes[0].height, 0.5, 1e-9);
  EXPECT_TRUE(sample.boxes[0].crowd);
}

TEST(DataSpec, SurvivesJson) {
  DataSpec spec;
  spec.kind = "audio";
  spec.text.columns = {"a", "b"};
  spec.text.tokenizer = "t.json";
  spec.audio.mels = 40;
  spec.audio.logarithm = "decibel";
  spec.answer.head = "yolov8";
  spec.answer.iou = 0.7;
  spec.task = "detect";
  spec.skip_bad = true;
  spec.preprocess.size = {3, 4};
  spec.inputs["h"].feedback = "hN";
  const Json json = spec.ToJson();
  EXPECT_EQ(DataSpec::FromJson(json).value().ToJson(), json);
  EXPECT_EQ(DataSpec::FromJson(json).value().inputs["h"].feedback, "hN");
  EXPECT_EQ(DataSpec::FromJson(json).value().TaskOf(), Task::kDetect);
}

// Every third sample is bad.
class Bumpy final : public Dataset {
 public:
  [[nodiscard]] std::int64_t size() const override { return 100; }
  [[nodiscard]] bool has_labels() const override { return true; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    if (index % 3 == 2) return Error(ErrorCode::kMalformed, "bad " + std::to_string(index));
    Sample sample;
    sample.label = index;
    return sample;
  }
};

TEST(Loader, KeepsTheOrderAndNamesWhatItLeavesOut) {
  for (const int threads : {1, 4}) {
    const Bumpy bumpy;
    Loader loader(bumpy, {10, 40, 4, true, threads});
    std::vector<std::int64_t> seen;
    for (;;) {
      const auto samples = loader.Next(7);
      ASSERT_TRUE(samples.ok());
      if (samples.value().empty()) break;
      if (seen.empty()) {
        EXPECT_EQ(samples.value().size(), 7U);
      }
      for (const Sample& sample : samples.value()) seen.push_back(sample.label);
    }
    EXPECT_EQ(seen.size(), 20U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    ASSERT_EQ(loader.bad().size(), 10U);
    EXPECT_EQ(loader.bad()[0].index, 11);
    EXPECT_EQ(loader.bad()[0].reason, "bad 11");
  }
}

TEST(Loader, EndsAtTheFirstBadSampleUnlessToldToSkip) {
  const Bumpy bumpy;
  Loader loader(bumpy, {0, 100, 8, false, 2});
  const auto samples = loader.Next(10);
  ASSERT_FALSE(samples.ok());
  EXPECT_EQ(samples.error().message(), "bad 2");
}

}  // namespace kinds_test
}  // namespace quantbench

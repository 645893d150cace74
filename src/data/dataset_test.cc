// Data sets: inputs, labels, subsets, batches, and mistakes by name.
#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/data.h"

namespace quantbench {
namespace dataset_test {

namespace fs = std::filesystem;

std::string Npy(const std::string& descr, const std::string& shape, const std::string& payload) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string text = "\x93NUMPY\x01";
  text += '\0';
  text += static_cast<char>(header.size());
  text += '\0';
  return text + header + payload;
}

class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest()
      : folder_(fs::temp_directory_path() /
                ("qb_dataset_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_ / "images");
    Put("ids.npy", Npy("|u1", "(3, 2)", std::string("\x05\x00\x07\x08\x00\x00", 6)));
    Put("labels.npy", Npy("|u1", "(3,)", std::string("\x01\x00\x02", 3)));
    Put("few.npy", Npy("|u1", "(2,)", std::string("\x01\x00", 2)));
    const std::string source = std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/";
    fs::copy(source + "wide.png", folder_ / "images" / "a.jpg");  // a PNG in disguise
    fs::copy(source + "small.jpg", folder_ / "images" / "b.jpg");
  }
  ~DatasetTest() override { fs::remove_all(folder_); }
  void Put(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  [[nodiscard]] DataSpec Text() const {
    DataSpec spec;
    spec.id = "text";
    spec.kind = "npy";
    spec.path = folder_ / "ids.npy";
    spec.labels = folder_ / "labels.npy";
    spec.inputs["ids"] = {};
    spec.inputs["mask"].nonzero_of = "ids";
    return spec;
  }
  [[nodiscard]] DataSpec Images() const {
    DataSpec spec;
    spec.id = "images";
    spec.kind = "image-folder";
    spec.path = folder_ / "images";
    spec.preprocess.resize = 16;
    spec.preprocess.crop = 16;
    return spec;
  }
  fs::path folder_;
};

const std::vector<InputSpec> kText = {{"ids", DataType::kInt64, {-1, -1}, {"n", "seq"}, true},
                                      {"mask", DataType::kInt64, {-1, -1}, {"n", "seq"}, true}};
const std::vector<InputSpec> kImage = {
    {"x", DataType::kFloat32, {-1, 3, 16, 16}, {"n", "", "", ""}, true}};

TEST_F(DatasetTest, FillsIdsMasksAndLabels) {
  const auto dataset = OpenDataset(Text(), kText);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  EXPECT_EQ(dataset.value()->size(), 3);
  const Sample sample = dataset.value()->Get(0).value();
  EXPECT_EQ(sample.label, 1);
  EXPECT_EQ(ToDoubles(sample.inputs[0]).value(), (std::vector<double>{5, 0}));
  EXPECT_EQ(ToDoubles(sample.inputs[1]).value(), (std::vector<double>{1, 0}));
  const auto batch = MakeBatch(*dataset.value(), {0, 1}, kText);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch.value()[0].shape, (Shape{2, 2}));
  EXPECT_EQ(ToDoubles(batch.value()[0]).value(), (std::vector<double>{5, 0, 7, 8}));
}

TEST_F(DatasetTest, NamesWrongLabelCountsAndUnknownInputs) {
  DataSpec spec = Text();
  spec.labels = folder_ / "few.npy";
  auto opened = OpenDataset(spec, kText);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message().find("2 labels of uint8 for 3 samples"), std::string::npos);
  spec = Text();
  spec.inputs["no_such"] = {};
  opened = OpenDataset(spec, kText);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message().find("no_such"), std::string::npos);
  spec = Text();
  spec.inputs.erase("mask");
  EXPECT_FALSE(OpenDataset(spec, kText).ok());
  spec = Text();
  spec.kind = "npyy";
  opened = OpenDataset(spec, kText);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message().find("did you mean \"npy\""), std::string::npos);
}

TEST_F(DatasetTest, ShufflesBySeedAndLimits) {
  DataSpec spec = Text();
  spec.shuffle = true;
  spec.seed = 3;
  const auto first = OpenDataset(spec, kText);
  const auto second = OpenDataset(spec, kText);
  std::multiset<std::int64_t> labels;
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(first.value()->Get(i).value().name, second.value()->Get(i).value().name);
    labels.insert(first.value()->Get(i).value().label);
  }
  EXPECT_EQ(labels, (std::multiset<std::int64_t>{0, 1, 2}));
  spec.limit = 2;
  EXPECT_EQ(OpenDataset(spec, kText).value()->size(), 2);
}

TEST_F(DatasetTest, ReadsAnImageFolderByContentNotByName) {
  Put("labels.csv",
      "\xEF\xBB\xBF"
      "file,label\r\nb.jpg,4\r\n\"a.jpg\",2\r\n");
  DataSpec spec = Images();
  spec.labels = folder_ / "labels.csv";
  const auto dataset = OpenDataset(spec, kImage);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  ASSERT_EQ(dataset.value()->size(), 2);
  EXPECT_EQ(dataset.value()->Get(0).value().label, 4);
  const auto png = dataset.value()->Get(1);
  ASSERT_TRUE(png.ok()) << png.error().message();
  EXPECT_EQ(png.value().inputs[0].shape, (Shape{3, 16, 16}));
}

TEST_F(DatasetTest, NamesTheLineOfABadLabelsFile) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"file,label\na.jpg,x\n", ":2: label \"x\""},
      {"a.jpg,1\na.jpg,1\n", ":2: \"a.jpg\" is listed twice"},
      {"file,label\nc.jpg,1\n", ":2: \"c.jpg\" does"},
      {"file,label\n../ids.npy,1\n", ":2: \"../ids.npy\" lies"},
      {"file,label\na.jpg,-1\n", ":2: label \"-1\""},
      {"file,label\nonly\n", ":2: is not file,label"}};
  for (const auto& [text, expected] : cases) {
    Put("labels.csv", text);
    DataSpec spec = Images();
    spec.labels = folder_ / "labels.csv";
    const auto opened = OpenDataset(spec, kImage);
    ASSERT_FALSE(opened.ok()) << text;
    EXPECT_NE(opened.error().message().find(expected), std::string::npos)
        << opened.error().message();
  }
}

TEST_F(DatasetTest, NamesTheCorruptImage) {
  const auto good = ReadFile(folder_ / "images" / "b.jpg");
  Put("images/b.jpg", good.value().substr(0, good.value().size() / 2));
  const auto dataset = OpenDataset(Images(), kImage);
  ASSERT_TRUE(dataset.ok());
  const auto sample = dataset.value()->Get(1);
  ASSERT_FALSE(sample.ok());
  EXPECT_EQ(sample.error().code(), ErrorCode::kMalformed);
  EXPECT_NE(sample.error().message().find("b.jpg: corrupt JPEG"), std::string::npos)
      << sample.error().message();
}

TEST(Synthetic, GuessesFromNamesAndTypes) {
  const std::vector<InputSpec> inputs = {
      {"input_ids", DataType::kInt64, {1, -1}, {"", "sequence"}, true},
      {"attention_mask", DataType::kInt64, {1, -1}, {"", "sequence"}, true},
      {"token_type_ids", DataType::kInt64, {1, -1}, {"", "sequence"}, true},
      {"pixels", DataType::kFloat32, {1, 3}, {"", ""}, true},
      {"sr", DataType::kInt64, {}, {}, false}};
  SyntheticSpec spec;
  spec.dims["sequence"] = 7;
  spec.vocabulary = 50;
  spec.constants["sr"] = 16000;
  std::vector<std::string> notes;
  const auto dataset = MakeSynthetic(spec, inputs, &notes);
  ASSERT_TRUE(dataset.ok());
  EXPECT_TRUE(notes.empty());
  const Sample sample = dataset.value()->Get(2).value();
  EXPECT_EQ(sample.inputs[0].shape, (Shape{7}));
  for (const double id : ToDoubles(sample.inputs[0]).value()) EXPECT_TRUE(id >= 0 && id < 50);
  EXPECT_EQ(ToDoubles(sample.inputs[1]).value(), std::vector<double>(7, 1));
  EXPECT_EQ(ToDoubles(sample.inputs[2]).value(), std::vector<double>(7, 0));
  EXPECT_EQ(ToDoubles(sample.inputs[4]).value(), std::vector<double>{16000});
  EXPECT_EQ(ToDoubles(sample.inputs[3]).value(),
            ToDoubles(dataset.value()->Get(2).value().inputs[3]).value());
  EXPECT_NE(ToDoubles(sample.inputs[3]).value(),
            ToDoubles(dataset.value()->Get(1).value().inputs[3]).value());
}

TEST(Synthetic, DrawsIdsThatTheTableHas) {
  InputSpec words{"words", DataType::kInt32, {-1, 400}, {"batch", ""}, true};
  words.rows = 30;
  InputSpec types{"token_type_ids", DataType::kInt64, {-1, 400}, {"batch", ""}, true};
  types.rows = 2;
  SyntheticSpec spec;
  std::vector<std::string> notes;
  const auto drawn = [&](std::size_t input) {
    const auto dataset = MakeSynthetic(spec, {words, types}, &notes);
    return ToDoubles(dataset.value()->Get(0).value().inputs[input]).value();
  };
  EXPECT_THAT(drawn(0), ::testing::Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(30))));
  EXPECT_THAT(drawn(0), ::testing::Contains(29));  // 400 of 30
  EXPECT_THAT(drawn(1), ::testing::Each(0));
  spec.vocabulary = 10;
  EXPECT_THAT(drawn(0), ::testing::Each(::testing::Lt(10)));
}

}  // namespace dataset_test
}  // namespace quantbench

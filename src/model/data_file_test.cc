// Models that bring a file of external data along.
#include "model/data_file.h"

#include <gtest/gtest.h>

#include "model/encode.h"
#include "model/everything_model.h"

namespace quantbench {
namespace data_file_test {

namespace fs = std::filesystem;

std::string ErrorOf(const Status& status) {
  return status.ok() ? "" : status.error().message();
}

constexpr SaveOptions kSplit{
    .replace_existing = false, .external_threshold = 64, .external_above = 0};
constexpr SaveOptions kReplaceSplit{
    .replace_existing = true, .external_threshold = 64, .external_above = 0};

TEST(DataFile, SplitsALargeModel) {
  const TestFolder folder;
  const auto path = folder.path() / "m.onnx";
  const Model model = ParsedModel(Weights({1000, 5, 300'000, 20}));
  ASSERT_EQ(ErrorOf(SaveModel(model, path, kSplit)), "");
  EXPECT_EQ(FileNames(folder.path()), (std::vector<std::string>{"m.onnx", "m.onnx.data"}));
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  const auto& weights = loaded.value().graph.initializers;
  EXPECT_EQ(weights[0].storage, Storage::kRaw);  // "bias", 12 bytes
  EXPECT_EQ(weights[2].storage, Storage::kRaw);  // 20 bytes
  EXPECT_EQ(weights[1].external, (ExternalLocation{"m.onnx.data", 0, 4000}));
  EXPECT_EQ(weights[3].external, (ExternalLocation{"m.onnx.data", 4096, 1'200'000}));
  EXPECT_EQ(weights[4].external.offset % 64, 0U);
  EXPECT_EQ(fs::file_size(path.string() + ".data"), weights[4].external.offset + 80);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(ReadTensor(weights[i]).value().bytes,
              ReadTensor(model.graph.initializers[i]).value().bytes);
  }
  onnx::ModelProto oracle;
  ASSERT_TRUE(oracle.ParseFromString(ReadWhole(path)));
  EXPECT_EQ(oracle.graph().initializer(1).data_location(), onnx::TensorProto::EXTERNAL);
  EXPECT_FALSE(oracle.graph().initializer(1).has_raw_data());
}

TEST(DataFile, KeepsDataExternalThatWasExternal) {
  const TestFolder folder;
  ASSERT_TRUE(SaveModel(ParsedModel(Weights({1000, 1000})), folder.path() / "a.onnx", kSplit).ok());
  fs::create_directory(folder.path() / "other");
  auto model = LoadModel(folder.path() / "a.onnx");
  ASSERT_TRUE(model.ok());
  model.value().graph.initializers[1] = Initializer::Of("w0", Tensor::OfFloats({2}, {1, 2}));
  const auto path = folder.path() / "other" / "b.onnx";
  ASSERT_EQ(ErrorOf(SaveModel(model.value(), path)), "");
  fs::remove(folder.path() / "a.onnx.data");
  const auto again = LoadModel(path);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again.value().graph.initializers[1].storage, Storage::kRaw);
  EXPECT_EQ(again.value().graph.initializers[2].external.location, "b.onnx.data");
  EXPECT_TRUE(CheckModel(again.value()).ok());
}

TEST(DataFile, BringsShortExternalDataIntoTheModel) {
  const TestFolder folder;
  ASSERT_TRUE(SaveModel(ParsedModel(Weights({20})), folder.path() / "a.onnx", kSplit).ok());
  const auto model = LoadModel(folder.path() / "a.onnx");
  ASSERT_EQ(model.value().graph.initializers[1].storage, Storage::kExternal);
  ASSERT_EQ(ErrorOf(SaveModel(model.value(), folder.path() / "b.onnx")), "");
  EXPECT_FALSE(fs::exists(folder.path() / "b.onnx.data"));
  const auto again = LoadModel(folder.path() / "b.onnx");
  EXPECT_EQ(again.value().graph.initializers[1].storage, Storage::kRaw);
}

TEST(DataFile, MovesTypedNumbersAndThoseOfSubgraphsButNotSmallConstants) {
  onnx::ModelProto oracle = EverythingModel();
  onnx::TensorProto* typed = oracle.mutable_graph()->add_initializer();
  typed->set_name("typed");
  typed->set_data_type(onnx::TensorProto::FLOAT);
  typed->add_dims(100);
  for (int i = 0; i < 100; ++i) typed->add_float_data(1);
  onnx::GraphProto* body =
      oracle.mutable_graph()->mutable_node(1)->mutable_attribute(0)->mutable_g();
  SetFloats(body->add_initializer(), "in_body", std::vector<float>(100, 2));
  auto* constant = oracle.mutable_graph()->mutable_node(2)->mutable_attribute(3)->mutable_t();
  constant->Clear();
  SetFloats(constant, "constant", std::vector<float>(100, 3));
  const TestFolder folder;
  ASSERT_EQ(ErrorOf(SaveModel(ParsedModel(oracle), folder.path() / "m.onnx", kSplit)), "");
  const auto model = LoadModel(folder.path() / "m.onnx");
  ASSERT_TRUE(model.ok()) << model.error().message();
  const Graph& graph = model.value().graph;
  EXPECT_EQ(graph.initializers.back().storage, Storage::kExternal);
  EXPECT_EQ(ReadTensor(graph.initializers.back()).value().As<float>()[99], 1.0F);
  EXPECT_EQ(graph.nodes[1].attributes[0].graphs[0].initializers[1].storage, Storage::kExternal);
  EXPECT_EQ(graph.nodes[2].attributes[3].tensors[0].storage, Storage::kRaw);
  EXPECT_TRUE(CheckModel(model.value()).ok()) << CheckModel(model.value()).error().message();
}

TEST(DataFile, LeavesIntegersThatShapesAreMadeOfInTheModel) {
  Model model = ParsedModel(AddModel());
  const std::vector<std::int64_t> indices(1000, 1);
  model.graph.initializers.push_back(
      Initializer::Of("indices", Tensor::Of(DataType::kInt64, {1000}, indices)));
  const std::vector<std::int64_t> table(200'000, 1);
  model.graph.initializers.push_back(
      Initializer::Of("table", Tensor::Of(DataType::kInt64, {200'000}, table)));
  DataFile data("m.onnx.data");
  ASSERT_TRUE(data.MoveOut(&model.graph, 64).ok());
  EXPECT_EQ(model.graph.initializers[1].storage, Storage::kRaw);
  EXPECT_EQ(model.graph.initializers[2].storage, Storage::kExternal);
}

TEST(DataFile, StoresSharedDataOnce) {
  Model model = ParsedModel(Weights({1000}));
  for (int i = 0; i < 50; ++i) {
    model.graph.initializers.push_back(model.graph.initializers[1]);
    model.graph.initializers.back().name = Format("same{}", i);
  }
  const TestFolder folder;
  ASSERT_EQ(ErrorOf(SaveModel(model, folder.path() / "m.onnx", kSplit)), "");
  EXPECT_EQ(fs::file_size(folder.path() / "m.onnx.data"), 4000U);
}

TEST(DataFile, ReplacesModelAndDataTogether) {
  const TestFolder folder;
  const auto path = folder.path() / "m.onnx";
  ASSERT_TRUE(SaveModel(ParsedModel(Weights({1000})), path, kSplit).ok());
  EXPECT_EQ(ErrorOf(SaveModel(ParsedModel(Weights({2000})), path, kSplit)),
            path.string() + ": exists already");
  fs::rename(path, folder.path() / "elsewhere.onnx");
  EXPECT_EQ(ErrorOf(SaveModel(ParsedModel(Weights({2000})), path, kSplit)),
            path.string() + ".data: exists already");
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(fs::file_size(path.string() + ".data"), 4000U);
  ASSERT_EQ(ErrorOf(SaveModel(ParsedModel(Weights({2000})), path, kReplaceSplit)), "");
  EXPECT_EQ(fs::file_size(path.string() + ".data"), 8000U);
  EXPECT_TRUE(CheckModel(LoadModel(path).value()).ok());
}

TEST(DataFile, RefusesToLoseExternalDataThatItDoesNotMove) {
  const TestFolder folder;
  folder.Write("w.bin", "0123");
  onnx::ModelProto oracle = EverythingModel();
  onnx::TensorProto* hidden =
      oracle.mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t();
  hidden->clear_raw_data();
  hidden->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* entry = hidden->add_external_data();
  entry->set_key("location");
  entry->set_value("w.bin");
  const auto model = LoadModel(folder.Write("m.onnx", oracle.SerializeAsString()));
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model.value().hidden_external, 1);
  const auto saved = SaveModel(model.value(), folder.path() / "out.onnx");
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(FileNames(folder.path()), (std::vector<std::string>{"m.onnx", "w.bin"}));
}

// Ten tensors of 500 MB that are holes of one file.
Model FiveGigabytes(const TestFolder& folder) {
  const auto path = folder.Write("hole.bin", "");
  constexpr std::uint64_t kEach = 500'000'000;
  fs::resize_file(path, 10 * kEach);
  const auto file = MappedFile::Open(path).value();
  Model model = ParsedModel(AddModel());
  for (std::uint64_t i = 0; i < 10; ++i) {
    Initializer tensor;
    tensor.name = Format("w{}", i);
    tensor.type = DataType::kUint8;
    tensor.dims = {kEach};
    tensor.data = {file, file->bytes().subspan(i * kEach, kEach)};
    model.graph.initializers.push_back(tensor);
  }
  return model;
}

TEST(DataFile, LaysOutMoreThanFourGigabytesOfData) {
  const TestFolder folder;
  Model model = FiveGigabytes(folder);
  DataFile data("m.onnx.data");
  ASSERT_TRUE(data.MoveOut(&model.graph, 1024).ok());
  std::uint64_t size = 0;
  for (const Piece& piece : data.pieces()) size += piece.size;
  const ExternalLocation& last = model.graph.initializers.back().external;
  EXPECT_EQ(last.offset % 4096, 0U);
  EXPECT_GT(last.offset, std::uint64_t{1} << 32U);
  EXPECT_EQ(last.offset + last.length, size);
  // The model that goes with such data reads back.
  const auto file = folder.Write("m.onnx.data", "");
  fs::resize_file(file, size);
  const auto encoded = EncodeToBytes(model);
  ASSERT_TRUE(encoded.ok()) << encoded.error().message();
  const auto again = LoadModel(folder.Write("m.onnx", std::string(wire::Text(encoded.value()))));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again.value().graph.initializers.back().external, last);
  EXPECT_TRUE(CheckModel(again.value()).ok());
}

TEST(DataFile, RefusesToEncodeMoreThanProtobufHolds) {
  const TestFolder folder;
  const auto encoded = EncodeModel(FiveGigabytes(folder));
  ASSERT_FALSE(encoded.ok());
  EXPECT_EQ(encoded.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(encoded.error().message().find("external data"), std::string::npos);
}

}  // namespace data_file_test
}  // namespace quantbench

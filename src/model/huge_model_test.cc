// Models of several gigabytes: read, changed and written in the memory of one tensor.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "quantbench/base/parallel.h"

#include "model/onnx_oracle.h"
#include "model/process_limits.h"
#include "sanitized.h"

namespace quantbench {
namespace huge_model_test {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 8192;
constexpr std::uint64_t kWeightBytes = std::uint64_t{kSide} * kSide * sizeof(float);
constexpr std::uint64_t kPage = 4096;

template <typename T>
std::string ErrorOf(const Result<T>& result) {
  return result.ok() ? "" : result.error().message();
}

// Holes of the input may become real on some file systems.
bool HasSpace(std::uint64_t bytes) {
  return fs::space(fs::temp_directory_path()).available >= bytes;
}

// Places of a weight whose numbers are not 0, and what they are.
constexpr std::array<std::size_t, 3> kPlaces = {0, kSide* kSide / 2 + 77, kSide* kSide - 1};
float ValueAt(std::size_t weight, std::size_t place) {
  return static_cast<float>(weight * kPlaces.size() + place + 1);
}

// Weights one behind the other in a file that is a hole but for a few numbers.
std::shared_ptr<const MappedFile> WriteWeights(const fs::path& path, std::size_t count) {
  std::ofstream file(path, std::ios::binary);
  for (std::size_t weight = 0; weight < count; ++weight) {
    for (std::size_t place = 0; place < kPlaces.size(); ++place) {
      const float value = ValueAt(weight, place);
      file.seekp(
          static_cast<std::streamoff>(weight * kWeightBytes + kPlaces[place] * sizeof(value)));
      file.write(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  }
  file.close();
  return MappedFile::Open(path).value();
}

std::string WeightName(std::size_t weight) {
  return Format("w{}", weight);
}

Node Product(std::size_t weight) {
  Node node;
  node.op_type = "MatMul";
  node.name = Format("product{}", weight);
  node.inputs = {Format("x{}", weight), WeightName(weight)};
  node.outputs = {Format("x{}", weight + 1)};
  return node;
}

// x0 -> MatMul w0 -> MatMul w1 -> ...; the weights lie in the file.
Model ProductsOf(const std::shared_ptr<const MappedFile>& file, Storage storage) {
  Model model;
  model.ir_version = 8;
  model.opsets = {{"", 17}};
  model.graph.name = "products";
  const std::size_t count = file->bytes().size() / kWeightBytes;
  for (std::size_t i = 0; i < count; ++i) {
    Initializer weight;
    weight.name = WeightName(i);
    weight.type = DataType::kFloat32;
    weight.dims = {kSide, kSide};
    weight.storage = storage;
    weight.data = Bytes::Of(file, file->bytes().subspan(i * kWeightBytes, kWeightBytes));
    if (storage == Storage::kExternal) {
      weight.external = {"weights.bin", i * kWeightBytes, kWeightBytes};
    }
    model.graph.initializers.push_back(std::move(weight));
    model.graph.nodes.push_back(Product(i));
  }
  ValueInfo value;
  value.is_tensor = true;
  value.type = DataType::kFloat32;
  value.name = "x0";
  model.graph.inputs = {value};
  value.name = Format("x{}", count);
  model.graph.outputs = {value};
  return model;
}

// Codes round(w), and the scale 1, of float weights; reads them in stretches that it gives back.
Status CodesOf(const Initializer& weight, std::span<Tensor> made) {
  QB_TRY(const Bytes bytes, PayloadOf(weight));
  QB_TRY(Tensor codes, Tensor::Make(DataType::kInt8, weight.dims));
  const std::span<std::int8_t> to = codes.As<std::int8_t>();
  ParallelFor(
      static_cast<std::int64_t>(to.size()), 1 << 18, 0, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
          float value = 0;
          std::memcpy(&value, bytes.view.data() + i * sizeof(value), sizeof(value));
          to[i] = static_cast<std::int8_t>(value);
        }
        bytes.Release(bytes.view.subspan(static_cast<std::size_t>(begin) * sizeof(float),
                                         static_cast<std::size_t>(end - begin) * sizeof(float)));
      });
  made[0] = std::move(codes);
  made[1] = Tensor::OfFloats({}, {1.0F});
  return Ok();
}

// Gives every weight but the last two as codes, which are made when they are written.
void DeferCodes(Model* model) {
  const std::vector<Initializer> weights = std::move(model->graph.initializers);
  model->graph.initializers = {weights.end() - 2, weights.end()};
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (i + 2 < weights.size()) {
      const std::string name = weights[i].name;
      for (Initializer& made : DeferTogether(
               {{name + "_codes", DataType::kInt8, weights[i].dims},
                {name + "_scale", DataType::kFloat32, {}}},
               [weight = weights[i]](std::span<Tensor> made) { return CodesOf(weight, made); })) {
        model->graph.initializers.push_back(std::move(made));
      }
      Node scaled;
      scaled.op_type = "DequantizeLinear";
      scaled.inputs = {name + "_codes", name + "_scale"};
      scaled.outputs = {name};
      nodes.push_back(std::move(scaled));
    }
    nodes.push_back(model->graph.nodes[i]);
  }
  model->graph.nodes = std::move(nodes);
}

// What `work`, which returns an error or "", answers in a process of its own, with the memory that
// its peak was above its beginning.
struct Answer {
  std::string error = "the child answered nothing";
  std::uint64_t growth = 0;
};
template <typename Work>
Answer InChild(const Work& work) {
  std::array<int, 2> pipe_ends{};
  QB_CHECK(pipe(pipe_ends.data()) == 0, "a pipe");
  const pid_t child = fork();
  if (child == 0) {
    const std::uint64_t before = StatusBytes("VmRSS");
    const std::string error = work();
    const std::string text = Format("{} {}", PeakBytes() - before, error);
    const bool written = write(pipe_ends[1], text.data(), text.size()) > 0;
    _exit(written ? 0 : 1);
  }
  close(pipe_ends[1]);
  std::array<char, 4096> text{};
  const ssize_t size = read(pipe_ends[0], text.data(), text.size());
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  Answer answer;
  if (size <= 0) return answer;
  std::istringstream words(std::string(text.data(), static_cast<std::size_t>(size)));
  words >> answer.growth;
  words.get();
  std::getline(words, answer.error);
  return answer;
}

template <typename T>
void ExpectValues(const Initializer& tensor, std::size_t weight) {
  const auto payload = PayloadOf(tensor);
  ASSERT_TRUE(payload.ok()) << payload.error().message();
  for (std::size_t place = 0; place < kPlaces.size(); ++place) {
    const std::size_t at = kPlaces[place];
    T value{};
    std::memcpy(&value, payload.value().view.data() + at * sizeof(T), sizeof(T));
    EXPECT_EQ(static_cast<float>(value), ValueAt(weight, place)) << tensor.name << " " << place;
    const std::size_t beside = at == 0 ? 1 : at - 1;
    std::memcpy(&value, payload.value().view.data() + beside * sizeof(T), sizeof(T));
    EXPECT_EQ(value, T{0}) << tensor.name << " beside " << place;
  }
}

TEST(HugeModel, IsRewrittenInTheMemoryOfOneTensor) {
  if (!HasSpace(7'000'000'000)) GTEST_SKIP() << "less than 7 GB free for temporary files";
  constexpr std::size_t kWeights = 17;
  const TestFolder folder;
  {
    const auto weights = WriteWeights(folder.path() / "weights.bin", kWeights);
    ASSERT_GT(weights->bytes().size(), std::uint64_t{1} << 32U);
    folder.Write("m.onnx", EncodeText(ProductsOf(weights, Storage::kExternal)));
  }
  const auto output = folder.path() / "small.onnx";
  const Answer answer = InChild([&] {
    auto model = LoadModel(folder.path() / "m.onnx");
    if (!model.ok()) return model.error().message();
    DeferCodes(&model.value());
    return ErrorOf(SaveModel(model.value(), output));
  });
  ASSERT_EQ(answer.error, "");
  if (!testing::kSanitized) {
    EXPECT_LT(answer.growth, kWeightBytes / sizeof(float) + 50'000'000);
  }

  const auto written = LoadModel(output);
  ASSERT_TRUE(written.ok()) << written.error().message();
  EXPECT_EQ(ErrorOf(CheckModel(written.value())), "");
  const GraphIndex index(written.value().graph);
  for (std::size_t i = 0; i < kWeights; ++i) {
    const bool is_float = i + 2 >= kWeights;
    const Initializer* weight =
        index.FindInitializer(is_float ? WeightName(i) : WeightName(i) + "_codes");
    ASSERT_NE(weight, nullptr) << i;
    EXPECT_EQ(weight->external.location, "small.onnx.data");
    EXPECT_EQ(weight->external.offset % kPage, 0U);
    if (is_float) {
      ExpectValues<float>(*weight, i);
    } else {
      ExpectValues<std::int8_t>(*weight, i);
      EXPECT_EQ(ReadTensor(*index.FindInitializer(WeightName(i) + "_scale")).value().As<float>()[0],
                1.0F);
    }
  }
}

TEST(HugeModel, BeyondTwoGigabytesBringsAFileOfDataAlong) {
  if (!HasSpace(5'000'000'000)) GTEST_SKIP() << "less than 5 GB free for temporary files";
  constexpr std::size_t kWeights = 8;
  const TestFolder folder;
  const auto weights = WriteWeights(folder.path() / "weights.bin", kWeights);
  ASSERT_EQ(weights->bytes().size(), std::uint64_t{1} << 31U);
  const auto output = folder.path() / "m.onnx";
  const Answer answer =
      InChild([&] { return ErrorOf(SaveModel(ProductsOf(weights, Storage::kRaw), output)); });
  ASSERT_EQ(answer.error, "");
  if (!testing::kSanitized) {
    EXPECT_LT(answer.growth, 50'000'000U);
  }
  EXPECT_LT(fs::file_size(output), 10'000U);
  EXPECT_EQ(fs::file_size(output.string() + ".data"), std::uint64_t{1} << 31U);
  const auto written = LoadModel(output);
  ASSERT_TRUE(written.ok()) << written.error().message();
  for (std::size_t i = 0; i < kWeights; ++i) {
    ExpectValues<float>(written.value().graph.initializers[i], i);
  }
}

}  // namespace huge_model_test
}  // namespace quantbench

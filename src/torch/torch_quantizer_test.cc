// Quantizing TorchScript through the module's border, with models that libtorch makes here.
#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/script.h>

#include "torch/module_abi.h"

namespace quantbench {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const QbTorchApi& Api() {
  static const QbTorchApi* const api = [] {
    void* handle = dlopen(QB_TORCH_MODULE, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
    return reinterpret_cast<QbTorchEntry>(dlsym(handle, kQbTorchEntry))();
  }();
  return *api;
}

// What quantizing gave.
struct Quantized {
  std::string error;
  Json report;
  std::string bytes;

  [[nodiscard]] torch::jit::Module Load() const {
    std::istringstream stream(bytes);
    return torch::jit::load(stream);
  }
  [[nodiscard]] std::string Graph() const {
    return Load().get_method("forward").graph()->toString();
  }
  [[nodiscard]] Json Layer(const std::string& name) const {
    for (const Json& layer : report.value("layers", Json::array())) {
      if (layer["layer"] == name) return layer;
    }
    ADD_FAILURE() << "no layer " << name << " in " << report.dump();
    return Json::object();
  }
};

// Samples that calibration runs over, and what it is shown.
struct Watched {
  std::vector<at::Tensor> samples;
  std::size_t next = 0;
  QbTorchTensor shown = {};
  std::map<std::string, std::pair<double, double>> ranges;
};

const char* NextOf(void* user, const QbTorchTensor** inputs, std::uint64_t* count) {
  Watched& watched = *static_cast<Watched*>(user);
  *count = 0;
  if (watched.next == watched.samples.size()) return nullptr;
  const at::Tensor& sample = watched.samples[watched.next++];
  watched.shown = {"x",
                   1,
                   static_cast<std::int32_t>(sample.dim()),
                   sample.sizes().data(),
                   sample.data_ptr(),
                   sample.nbytes()};
  *inputs = &watched.shown;
  *count = 1;
  return nullptr;
}

void SeeRange(void* user, const QbTorchTensor* tensor) {
  Watched& watched = *static_cast<Watched*>(user);
  const auto* values = static_cast<const float*>(tensor->bytes);
  auto& range = watched.ranges.try_emplace(tensor->name, HUGE_VAL, -HUGE_VAL).first->second;
  for (std::uint64_t i = 0; i < tensor->size / sizeof(float); ++i) {
    range = {std::fmin(range.first, values[i]), std::fmax(range.second, values[i])};
  }
}

class QuantizeTorch : public ::testing::Test {
 protected:
  QuantizeTorch() : module_("net") { torch::manual_seed(1); }

  void Weights(const std::string& name, at::IntArrayRef shape) {
    module_.register_parameter(name, torch::randn(shape), false);
  }
  void Define(const std::string& body) { module_.define("def forward(self, x):\n" + body); }

  Quantized Quantize(const std::string& options, Watched* watched = nullptr) {
    std::ostringstream archive;
    module_.save(archive);
    return QuantizeBytes(archive.str(), options, watched);
  }
  static Quantized QuantizeBytes(const std::string& bytes, const std::string& options,
                                 Watched* watched = nullptr) {
    Quantized result;
    QbTorchQuantizeRequest request = {};
    request.bytes = bytes.data();
    request.size = bytes.size();
    request.options = options.c_str();
    if (watched != nullptr) {
      request.next = NextOf;
      request.see = SeeRange;
    }
    request.next_user = request.see_user = watched;
    request.sink = [](void* user, const void* data, std::uint64_t size) {
      static_cast<std::string*>(user)->append(static_cast<const char*>(data), size);
    };
    request.sink_user = &result.bytes;
    char* text = nullptr;
    if (char* error = Api().quantize(&request, &text); error != nullptr) {
      result.error = error;
      Api().free_text(error);
      return result;
    }
    result.report = Json::parse(text);
    result.error = result.report.value("refused", "");
    Api().free_text(text);
    return result;
  }
  // Observes, then quantizes with the ranges that were seen.
  Quantized Static(Watched* watched, const std::string& more = "") {
    const Quantized seen =
        Quantize(R"({"recipe": "static-int8", "observe": true)" + more + "}", watched);
    if (!seen.error.empty()) return seen;
    Json ranges = Json::object();
    for (const auto& [name, range] : watched->ranges) {
      ranges[name] = {range.first, range.second};
    }
    return Quantize(R"({"recipe": "static-int8", "ranges": )" + ranges.dump() + more + "}");
  }
  double Decibels(const Quantized& quantized, const at::Tensor& x) {
    const at::Tensor wanted = module_.forward({x}).toTensor();
    const at::Tensor noise = wanted - quantized.Load().forward({x}).toTensor();
    return 10 *
           std::log10(wanted.square().sum().item<double>() / noise.square().sum().item<double>());
  }

  torch::jit::Module module_;
};

TEST_F(QuantizeTorch, LinearWeightsAreThoseOfTheMinMaxObserver) {
  Weights("w", {6, 16});
  Weights("b", {6});
  Define("  return torch.linear(x, self.w, self.b)\n");
  const Quantized quantized = Quantize("{}");
  ASSERT_EQ(quantized.error, "");
  EXPECT_EQ(quantized.Layer("w")["form"].get<std::string>(), "quantized::linear_dynamic");
  EXPECT_THAT(quantized.Graph(), HasSubstr("quantized::linear_dynamic"));
  torch::jit::Stack stack = {quantized.Load().attr("packed_0")};
  c10::Dispatcher::singleton().findSchemaOrThrow("quantized::linear_unpack", "").callBoxed(&stack);
  const at::Tensor codes = stack.front().toTensor();
  const at::Tensor w = module_.attr("w").toTensor();
  const double scale = w.abs().max().item<float>() / 127.5F;
  EXPECT_NEAR(codes.q_scale(), scale, scale * 1e-6);
  EXPECT_TRUE(at::equal(codes.int_repr(), (w / scale).round().clamp(-128, 127).to(at::kChar)));
  EXPECT_GT(Decibels(quantized, torch::randn({4, 16})), 30);
}

TEST_F(QuantizeTorch, PerChannelIsFinerWhereChannelsDiffer) {
  module_.register_parameter("w", torch::randn({8, 32}) * torch::logspace(-3, 0, 8).unsqueeze(1),
                             false);
  Define("  return torch.linear(x, self.w) * torch.logspace(3, 0, 8)\n");
  const at::Tensor x = torch::randn({4, 32});
  const double tensor = Decibels(Quantize("{}"), x);
  EXPECT_GT(Decibels(Quantize(R"({"per_channel": true})"), x), tensor + 6);
}

TEST_F(QuantizeTorch, ProductsWithConstantsAreLinearLayers) {
  Weights("w", {16, 6});
  Weights("b", {6});
  Weights("v", {4, 6});
  Define(
      "  y = torch.matmul(x, self.w) + self.b\n"
      "  return torch.addmm(torch.zeros(4), y, self.v.t())\n");
  const Quantized quantized = Quantize("{}");
  ASSERT_EQ(quantized.error, "");
  EXPECT_EQ(quantized.Layer("w")["scheme"].get<std::string>(), "dynamic-int8");
  EXPECT_EQ(quantized.Graph().find("aten::matmul"), std::string::npos);
  EXPECT_EQ(quantized.Graph().find("aten::add"), std::string::npos) << quantized.Graph();
  EXPECT_GT(Decibels(quantized, torch::randn({4, 16})), 30);
}

TEST_F(QuantizeTorch, LayersThatFollowEachOtherAreAllReplaced) {
  Weights("a", {16, 16});
  Weights("b", {16, 16});
  Define("  return torch.linear(torch.linear(x, self.a), self.b)\n");
  const std::string graph = Quantize("{}").Graph();
  EXPECT_EQ(graph.find("aten::linear"), std::string::npos) << graph;
}

TEST_F(QuantizeTorch, SharedWeightsArePackedOnceAndBytesRepeat) {
  Weights("w", {16, 16});
  Define("  return torch.linear(torch.relu(torch.linear(x, self.w)), self.w)\n");
  const Quantized quantized = Quantize("{}");
  ASSERT_EQ(quantized.error, "");
  EXPECT_TRUE(quantized.Load().hasattr("packed_0"));
  EXPECT_FALSE(quantized.Load().hasattr("packed_1"));
  EXPECT_EQ(quantized.bytes, Quantize("{}").bytes);
  EXPECT_EQ(quantized.report["layers"].size(), 2U);
}

TEST_F(QuantizeTorch, KeepFloatTakesNamesOperatorsAndPatterns) {
  Weights("first", {16, 16});
  Weights("second", {4, 16});
  Define("  return torch.linear(torch.relu(torch.linear(x, self.first)), self.second)\n");
  for (const char* pattern : {"second", "sec*", "?econd"}) {
    const Quantized kept = Quantize(R"({"keep_float": [")" + std::string(pattern) + "\"]}");
    EXPECT_EQ(kept.Layer("second")["reason"].get<std::string>(),
              "kept by keep_float \"" + std::string(pattern) + "\"");
    EXPECT_EQ(kept.Layer("first")["scheme"].get<std::string>(), "dynamic-int8");
  }
  EXPECT_THAT(Quantize(R"({"keep_float": ["linear"]})").error,
              HasSubstr("no layer can be quantized"));
  const Quantized unknown = Quantize(R"({"keep_float": ["third"]})");
  EXPECT_THAT(unknown.error, HasSubstr("\"third\" matches no layer"));
  EXPECT_EQ(unknown.report["code"].get<std::string>(), "invalid-argument");
}

TEST_F(QuantizeTorch, WhatCannotBeDoneIsOneLine) {
  Define("  return x + 1\n");
  EXPECT_THAT(Quantize("{}").error, HasSubstr("no layer that could be quantized"));
  EXPECT_THAT(Quantize(R"({"recipe": "weight-int4"})").error, HasSubstr("not for TorchScript"));
  const std::string broken = QuantizeBytes("PK\3\4 and nothing more", "{}").error;
  EXPECT_NE(broken, "");
  EXPECT_EQ(broken.find('\n'), std::string::npos) << broken;
}

TEST_F(QuantizeTorch, ChainsStayCodesFromTheFirstLayerToTheLast) {
  Weights("c", {8, 3, 3, 3});
  Weights("d", {8, 8, 3, 3});
  Weights("w", {4, 8});
  Define(
      "  y = torch.relu(torch.conv2d(x, self.c, None, [1, 1], [1, 1]))\n"
      "  z = torch.relu(torch.conv2d(y, self.d, None, [1, 1], [1, 1]) + y)\n"
      "  z = torch.flatten(torch.adaptive_avg_pool2d(z, [1, 1]), 1)\n"
      "  return torch.linear(z, self.w)\n");
  Watched watched;
  for (int i = 0; i < 4; ++i) watched.samples.push_back(torch::randn({2, 3, 12, 12}));
  const Quantized quantized = Static(&watched);
  ASSERT_EQ(quantized.error, "");
  EXPECT_THAT(watched.ranges, ::testing::Contains(::testing::Key("aten::add#1.output")));
  EXPECT_EQ(quantized.Layer("c")["form"].get<std::string>(), "quantized::conv2d_relu");
  EXPECT_EQ(quantized.report["between"]["aten::add"].get<int>(), 1);
  const std::string graph = quantized.Graph();
  const auto count = [&](const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = graph.find(text); at != std::string::npos;
         at = graph.find(text, at + 1)) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(count("aten::quantize_per_tensor"), 1U) << graph;
  EXPECT_EQ(count("aten::dequantize"), 1U) << graph;
  EXPECT_EQ(count("quantized::add_relu"), 1U) << graph;
  EXPECT_GT(Decibels(quantized, watched.samples.front()), 20);
}

TEST_F(QuantizeTorch, PaddingInWordsAndOneDimension) {
  Weights("c", {8, 4, 3});
  Weights("d", {8, 8, 2});
  Define(
      "  y = torch.conv1d(x, self.c, None, [1], 'same')\n"
      "  return torch.conv1d(y, self.d, None, [1], 'same')\n");
  Watched watched;
  watched.samples.push_back(torch::randn({2, 4, 20}));
  const Quantized quantized = Static(&watched);
  ASSERT_EQ(quantized.error, "");
  EXPECT_EQ(quantized.Layer("c")["form"].get<std::string>(), "quantized::conv1d");
  EXPECT_THAT(quantized.Layer("d")["reason"].get<std::string>(), HasSubstr("side to side"));
  EXPECT_GT(Decibels(quantized, watched.samples[0]), 20);
}

TEST_F(QuantizeTorch, Relu6LimitsCodes) {
  Weights("w", {8, 16});
  Define("  return torch.relu6(torch.linear(x, self.w))\n");
  Watched watched;
  watched.samples.push_back(torch::randn({64, 16}) * 4);
  const Quantized quantized = Static(&watched);
  ASSERT_EQ(quantized.error, "");
  const at::Tensor y = quantized.Load().forward({watched.samples[0] * 10}).toTensor();
  EXPECT_NEAR(y.max().item<double>(), 6, 0.05);
  EXPECT_GT(Decibels(quantized, watched.samples[0]), 20);
}

TEST_F(QuantizeTorch, StaticNeedsSamplesAndRanges) {
  Weights("w", {8, 16});
  Define("  return torch.linear(x, self.w)\n");
  EXPECT_THAT(Quantize(R"({"recipe": "static-int8", "observe": true})").error,
              HasSubstr("needs samples"));
  EXPECT_THAT(Quantize(R"({"recipe": "static-int8"})").error, HasSubstr("w.output was never seen"));
}

TEST_F(QuantizeTorch, BranchesStayFloatInStaticAndNotInDynamic) {
  Weights("w", {16, 16});
  Weights("v", {16, 16});
  Define(
      "  y = torch.linear(x, self.w)\n"
      "  if bool(x.sum() > 0):\n"
      "    y = torch.linear(y, self.v)\n"
      "  return y\n");
  EXPECT_EQ(Quantize("{}").Layer("v")["scheme"].get<std::string>(), "dynamic-int8");
  Watched watched;
  watched.samples.push_back(torch::ones({2, 16}));
  const Quantized quantized = Static(&watched);
  ASSERT_EQ(quantized.error, "");
  EXPECT_THAT(quantized.Layer("v")["reason"].get<std::string>(), HasSubstr("branch"));
  EXPECT_EQ(quantized.Layer("w")["scheme"].get<std::string>(), "static-int8");
}

TEST_F(QuantizeTorch, ValuesChangedInPlaceStayFloat) {
  Weights("w", {16, 16});
  Weights("v", {16, 16});
  Define(
      "  y = torch.linear(x, self.w)\n"
      "  y[0] = 7.0\n"
      "  return torch.linear(torch.linear(y, self.v), self.w)\n");
  Watched watched;
  watched.samples.push_back(torch::randn({4, 16}));
  const Quantized quantized = Static(&watched);
  ASSERT_EQ(quantized.error, "");
  EXPECT_THAT(quantized.Layer("w")["reason"].get<std::string>(), HasSubstr("in place"));
  EXPECT_GT(Decibels(quantized, watched.samples[0]), 20);
}

}  // namespace
}  // namespace quantbench

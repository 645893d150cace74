// Work counted operator by operator, against numbers worked out by hand.
#include "quantbench/flops.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_builder.h"

namespace quantbench {
namespace flops_test {

using testing::ModelBuilder;

// The operators of a model whose inputs have their declared shapes.
ModelWork Counted(const ModelBuilder& builder, const GivenInputs& given = {}) {
  return CountWork(builder.Build(), given);
}

// The only operator of a model.
Work OnlyWork(const ModelBuilder& builder) {
  const ModelWork work = Counted(builder);
  EXPECT_EQ(work.operators.size(), 1U);
  EXPECT_EQ(work.operators.front().unknown, "");
  return work.operators.front().work;
}

std::string Codes(ModelBuilder* builder, std::string name, Shape shape,
                  DataType type = DataType::kInt8) {
  return builder->Constant(std::move(name), Tensor::Make(type, std::move(shape)).value());
}
std::string Number(ModelBuilder* builder, std::string name) {
  return builder->Constant(std::move(name), Tensor::OfFloats({}, {1}));
}
std::string Zero(ModelBuilder* builder, std::string name, DataType type = DataType::kUint8) {
  return builder->Constant(std::move(name), Tensor::Make(type, {}).value());
}

TEST(Flops, ConvolutionsCountTheirWindow) {
  ModelBuilder plain;
  plain.Add(
      "Conv", "c",
      {plain.Input("x", {2, 3, 8, 8}), plain.Weight("w", {4, 3, 3, 3}), plain.Weight("b", {4})},
      {Attribute::Ints("pads", {1, 1, 1, 1})});
  // 2 x 4 x 8 x 8 outputs, each a sum over 3 x 3 x 3.
  EXPECT_EQ(OnlyWork(plain), (Work{512 * 27, 512, 0, (384 + 108 + 4) * 4, 512 * 4}));

  ModelBuilder depthwise;
  depthwise.Add("Conv", "c",
                {depthwise.Input("x", {1, 6, 8, 8}), depthwise.Weight("w", {6, 1, 3, 3})},
                {Attribute::Int("group", 6), Attribute::Ints("strides", {2, 2}),
                 Attribute::Ints("pads", {1, 1, 1, 1})});
  EXPECT_EQ(OnlyWork(depthwise).macs, 6 * 4 * 4 * 9);

  ModelBuilder transposed;
  transposed.Add("ConvTranspose", "c",
                 {transposed.Input("x", {1, 6, 4, 4}), transposed.Weight("w", {6, 5, 2, 2})},
                 {Attribute::Ints("strides", {2, 2})});
  // Every one of 6 x 4 x 4 inputs meets 5 x 2 x 2 weights.
  EXPECT_EQ(OnlyWork(transposed).macs, 96 * 20);
}

TEST(Flops, ProductsCountWhatTheOperandsShare) {
  ModelBuilder batched;
  batched.Add("MatMul", "m", {batched.Input("a", {2, 3, 4, 5}), batched.Input("b", {2, 3, 5, 7})});
  EXPECT_EQ(OnlyWork(batched).macs, 2 * 3 * 4 * 5 * 7);

  ModelBuilder gemm;
  gemm.Add(
      "Gemm", "g", {gemm.Input("a", {5, 4}), gemm.Weight("b", {7, 5}), gemm.Weight("c", {7})},
      {Attribute::Int("transA", 1), Attribute::Int("transB", 1), Attribute::Float("alpha", 2)});
  EXPECT_EQ(OnlyWork(gemm).macs, 4 * 5 * 7);
  EXPECT_EQ(OnlyWork(gemm).elementwise, 2 * 4 * 7);  // the bias, and alpha
}

TEST(Flops, RecurrencesCountTheirGates) {
  // 3 steps, 2 samples, 2 directions, 4 inputs, 5 hidden units.
  ModelBuilder lstm;
  const std::string x = lstm.Input("x", {3, 2, 4});
  lstm.Add("LSTM", "l", {x, lstm.Weight("w", {2, 20, 4}), lstm.Weight("r", {2, 20, 5})},
           {Attribute::Int("hidden_size", 5), Attribute::String("direction", "bidirectional")});
  EXPECT_EQ(OnlyWork(lstm).macs, 3 * 2 * 2 * 4 * 5 * (4 + 5));
  EXPECT_EQ(OnlyWork(lstm).transcendentals, 3 * 2 * 2 * 5 * 5);

  ModelBuilder gru;
  gru.Add("GRU", "g",
          {gru.Input("x", {3, 2, 4}), gru.Weight("w", {1, 15, 4}), gru.Weight("r", {1, 15, 5})},
          {Attribute::Int("hidden_size", 5)});
  EXPECT_EQ(OnlyWork(gru).macs, 3 * 2 * 3 * 5 * (4 + 5));
}

TEST(Flops, ElementsAreCountedByTheirFunction) {
  const auto of = [](std::string_view op_type) {
    ModelBuilder builder;
    builder.Add(op_type, "f", {builder.Input("x", {2, 10})});
    return OnlyWork(builder);
  };
  EXPECT_EQ(of("Relu"), (Work{0, 20, 0, 80, 80}));
  EXPECT_EQ(of("Sigmoid"), (Work{0, 60, 20, 80, 80}));
  EXPECT_EQ(of("Softmax"), (Work{0, 60, 20, 80, 80}));
  EXPECT_EQ(of("ReduceMean").elementwise, 20);

  ModelBuilder norm;
  norm.Add("LayerNormalization", "n",
           {norm.Input("x", {2, 10}), norm.Weight("s", {10}), norm.Weight("b", {10})});
  EXPECT_EQ(OnlyWork(norm).elementwise, 140);
  EXPECT_EQ(OnlyWork(norm).transcendentals, 2);  // a root a row

  ModelBuilder pool;
  pool.Add("MaxPool", "p", {pool.Input("x", {1, 2, 6, 6})},
           {Attribute::Ints("kernel_shape", {3, 3}), Attribute::Ints("strides", {2, 2}),
            Attribute::Int("ceil_mode", 1)});
  EXPECT_EQ(OnlyWork(pool).elementwise, 2 * 3 * 3 * 9);  // 6 / 2 rounded up
}

TEST(Flops, OperatorsOfCodesCountTheSameMacsAndTheirScaling) {
  ModelBuilder conv;
  const std::string x = conv.Input("x", {1, 3, 8, 8}, DataType::kUint8);
  conv.Add("QLinearConv", "c",
           {x, Number(&conv, "xs"), Zero(&conv, "xz"), Codes(&conv, "w", {4, 3, 3, 3}),
            Number(&conv, "ws"), Zero(&conv, "wz", DataType::kInt8), Number(&conv, "ys"),
            Zero(&conv, "yz"), Codes(&conv, "b", {4}, DataType::kInt32)});
  const ModelWork counted = Counted(conv);
  ASSERT_EQ(counted.operators.size(), 1U);
  EXPECT_EQ(counted.total.macs, 4 * 6 * 6 * 27);
  EXPECT_EQ(counted.integer_macs, counted.total.macs);
  EXPECT_EQ(counted.total.elementwise, 144 * 3);  // the bias, and 2 to requantize
  EXPECT_EQ(counted.total.bytes_written, 144);
  EXPECT_EQ(counted.parameters, 108 + 4);  // no scales
  EXPECT_FALSE(counted.operators.front().decoded);
  EXPECT_EQ(counted.operators.front().weight_bytes, 108 + 4 * 4 + 3 * 4 + 3);  // scales, too
  EXPECT_EQ(counted.widest_bytes, counted.total.bytes() - counted.operators.front().weight_bytes);
  EXPECT_EQ(ModelWork::FromJson(counted.ToJson()).widest_bytes, counted.widest_bytes);

  ModelBuilder matmul;
  matmul.Add("MatMulInteger", "m",
             {matmul.Input("x", {2, 4, 5}, DataType::kUint8), Codes(&matmul, "w", {5, 7})});
  EXPECT_EQ(OnlyWork(matmul).macs, 2 * 4 * 5 * 7);
  EXPECT_EQ(OnlyWork(matmul).bytes_written, 2 * 4 * 7 * 4);

  ModelBuilder dynamic;
  dynamic.AddNode("DynamicQuantizeLinear", "q", {dynamic.Input("x", {4, 5})}, {"c", "s", "z"});
  EXPECT_EQ(OnlyWork(dynamic).elementwise, 20 * 5);
}

TEST(Flops, ContributedOperators) {
  const auto only = [](ModelBuilder* builder, std::string_view op_type,
                       std::vector<std::string> inputs, std::vector<Attribute> attributes) {
    builder->Add(op_type, "n", std::move(inputs), std::move(attributes));
    Model model = builder->Build();
    model.graph.nodes.front().domain = kContribDomain;
    const ModelWork work = CountWork(model, {});
    EXPECT_EQ(work.operators.front().unknown, "");
    return work;
  };
  ModelBuilder nbits;
  const std::string x = nbits.Input("x", {2, 3, 64});
  const std::string codes = Codes(&nbits, "w", {10, 2, 16}, DataType::kUint8);
  const ModelWork four = only(&nbits, "MatMulNBits", {x, codes, nbits.Weight("s", {20})},
                              {Attribute::Int("K", 64), Attribute::Int("N", 10),
                               Attribute::Int("bits", 4), Attribute::Int("block_size", 32)});
  EXPECT_EQ(four.total.macs, 2 * 3 * 64 * 10);
  EXPECT_EQ(four.parameters, 640);  // two to a byte
  EXPECT_EQ(four.total.bytes_read, 2 * 3 * 64 * 4 + 320 + 80);

  ModelBuilder heads;  // 2 samples, 4 queries, 6 keys, 3 heads of 5
  const std::vector<std::string> qkv = {heads.Input("q", {2, 4, 15}), heads.Input("k", {2, 6, 15}),
                                        heads.Input("v", {2, 6, 15})};
  const ModelWork attended =
      only(&heads, "MultiHeadAttention", qkv, {Attribute::Int("num_heads", 3)});
  EXPECT_EQ(attended.total.macs, 2 * 3 * 4 * 6 * (5 + 5));
  EXPECT_EQ(attended.total.transcendentals, 2 * 3 * 4 * 6);

  ModelBuilder fused;
  const ModelWork turned =
      only(&fused, "FusedMatMul", {fused.Input("a", {2, 5, 4}), fused.Input("b", {2, 7, 5})},
           {Attribute::Int("transA", 1), Attribute::Int("transB", 1)});
  EXPECT_EQ(turned.total.macs, 2 * 4 * 5 * 7);
}

TEST(Flops, SharedParametersCountOnceAndConstantsAreComputedAhead) {
  ModelBuilder builder;
  const std::string table = builder.Weight("table", {10, 4});
  const std::string rows =
      builder.Add("Gather", "embed", {table, builder.Input("ids", {3}, DataType::kInt64)});
  const std::string turned = builder.Add("Transpose", "t", {table});
  builder.Add("MatMul", "head", {rows, turned});
  const ModelWork work = Counted(builder);
  ASSERT_EQ(work.operators.size(), 2U);  // the transpose happens once, ahead
  EXPECT_EQ(work.operators[1].parameters, 40);
  EXPECT_EQ(work.parameters, 40);
  EXPECT_EQ(work.shared_parameters, 40);
  EXPECT_EQ(work.total.macs, 3 * 4 * 10);
  EXPECT_EQ(work.operators[0].work.bytes_read, 3 * 4 * 4 + 3 * 8);  // the rows, not the table
  EXPECT_EQ(work.operators[0].weight_bytes, 0);
  EXPECT_EQ(work.operators[1].weight_bytes, 10 * 4 * 4);
}

TEST(Flops, DecodedOperandsAreWorkOnCodes) {
  ModelBuilder builder;
  const auto decode = [&](const std::string& name, const std::string& codes, DataType type) {
    return builder.Add("DequantizeLinear", name,
                       {codes, Number(&builder, name + "s"), Zero(&builder, name + "z", type)});
  };
  const std::string x =
      decode("dx", builder.Input("x", {4, 5}, DataType::kUint8), DataType::kUint8);
  const std::string w = decode("dw", Codes(&builder, "w", {5, 7}), DataType::kInt8);
  builder.Add("MatMul", "m", {x, w});
  const ModelWork work = Counted(builder);
  EXPECT_EQ(work.total.macs, 140);
  EXPECT_EQ(work.integer_macs, 140);
  EXPECT_EQ(work.total.elementwise, 2 * 20);  // x is decoded in every run, w once
  EXPECT_EQ(work.parameters, 35);
  const OperatorWork& product = work.operators.back();
  EXPECT_TRUE(product.integer);
  EXPECT_TRUE(product.decoded);
  EXPECT_EQ(product.weight_bytes, 35 * 4);  // as written: decoded, ahead
  EXPECT_EQ(work.widest_bytes, 20 + 28);    // as codes
}

// A condition that is given decides the branch; one that is not leaves the work open.
TEST(Flops, TheBranchThatIsTakenCounts) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {4, 5});
  const std::string rate = builder.Input("rate", {}, DataType::kInt64);
  const std::string wanted =
      builder.Constant("wanted", Tensor::Of(DataType::kInt64, {}, std::vector<std::int64_t>{16}));
  const std::string condition = builder.Add("Equal", "is", {rate, wanted});
  const auto branch = [&](std::string name, std::int64_t columns) {
    Attribute attribute;
    attribute.name = std::move(name);
    attribute.type = AttributeType::kGraph;
    ModelBuilder inside;
    const std::string y =
        inside.Add("MatMul", attribute.name, {x, inside.Weight("w", {5, columns})});
    inside.Output(y);
    attribute.graphs.push_back(inside.Build().graph);
    return attribute;
  };
  builder.AddNode("If", "if", {condition}, {"y"},
                  {branch("then_branch", 7), branch("else_branch", 9)});
  builder.Add("Relu", "r", {"y"});
  const auto macs_at = [&](std::int64_t value) {
    return Counted(builder, {{"rate", {{}, std::vector<std::int64_t>{value}}}}).total.macs;
  };
  EXPECT_EQ(macs_at(16), 4 * 5 * 7);
  EXPECT_EQ(macs_at(8), 4 * 5 * 9);
  const ModelWork open = Counted(builder);
  EXPECT_EQ(open.total.macs, 0);
  EXPECT_EQ(open.unknown, 2);  // the If, and the Relu of a value of unknown shape
}

TEST(Flops, WhatIsNotKnownIsNamedAndHostileSizesSaturate) {
  ModelBuilder strange;
  strange.Add("NoSuchOperator", "n", {strange.Input("x", {2})});
  const ModelWork work = Counted(strange);
  EXPECT_EQ(work.unknown, 1);
  EXPECT_THAT(work.operators[0].unknown, ::testing::HasSubstr("NoSuchOperator"));

  ModelBuilder narrow;  // five taps over three numbers
  narrow.Add("Conv", "c", {narrow.Input("x", {1, 1, 1, 3}), narrow.Weight("w", {1, 1, 1, 5})});
  const ModelWork none = Counted(narrow);
  EXPECT_EQ(none.unknown, 1);
  EXPECT_EQ(none.total.macs, 0);

  constexpr std::int64_t kHuge = std::numeric_limits<std::int32_t>::max();
  ModelBuilder hostile;
  hostile.Add("MatMul", "m",
              {hostile.Input("a", {kHuge, kHuge}), hostile.Input("b", {kHuge, kHuge})});
  const Work huge = Counted(hostile).total;
  EXPECT_EQ(huge.macs, std::int64_t{1} << 62);
  EXPECT_EQ(huge.flops(), std::int64_t{1} << 62);
}

TEST(Flops, TotalsSurviveARecord) {
  ModelBuilder builder;
  builder.Add("MatMul", "m", {builder.Input("a", {4, 5}), builder.Weight("b", {5, 6})});
  const ModelWork work = Counted(builder);
  const ModelWork read = ModelWork::FromJson(work.ToJson());
  EXPECT_EQ(read.total, work.total);
  EXPECT_EQ(read.parameters, 30);
  EXPECT_EQ(ModelWork::FromJson(Json::Parse(R"({"total":{"macs":-5}})").value()).total.macs, 0);
}

}  // namespace flops_test
}  // namespace quantbench

// Folding weights: initializers however they were exported, and no second copy of a large one.
#include "graph/fold_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace fold_weights_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kBitByBit;
using testing::ModelBuilder;
using testing::Must;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

class FoldWeightsTest : public ::testing::Test {
 protected:
  Model Folded(const Model& model) {
    Model result = model;
    Must(FoldWeights(&result, &notes_));
    return result;
  }
  std::string Cast(const std::string& name, const std::string& input) {
    return builder_.Add("Cast", name, {input}, {Attribute::Int("to", 1)});
  }

  ModelBuilder builder_;
  std::vector<std::string> notes_;
};

TEST_F(FoldWeightsTest, ReshapesWhatItCasts) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  builder_.Constant("w", Must(FromDoubles(DataType::kFloat16, {6}, values)));
  const std::string matrix =
      builder_.Add("Reshape", "matrix", {Cast("cast", "w"), builder_.Ints("shape", {2, 3})});
  builder_.Output(builder_.Add("MatMul", "product", {builder_.Input("x", {-1, 2}), matrix}));
  const Model model = builder_.Build();
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("MatMul", 1)));
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({3, 2}, 1)}}, kBitByBit);
}

TEST_F(FoldWeightsTest, CastsEveryNumericTypeAsTheEngineDoes) {
  const std::string x = builder_.Input("x", {-1, 6});
  const std::vector<double> values = {-3, 0, 1, 100, 0.1, 1e-5};
  std::vector<std::string> sums = {x};
  for (const DataType type :
       {DataType::kFloat16, DataType::kFloat64, DataType::kInt8, DataType::kUint8, DataType::kInt16,
        DataType::kUint16, DataType::kInt32, DataType::kInt64}) {
    const std::string w = builder_.Constant(Name(type), Must(FromDoubles(type, {6}, values)));
    sums.push_back(builder_.Add("Add", "add_" + w, {sums.back(), Cast("cast_" + w, w)}));
    builder_.Output(sums.back());
  }
  const Model model = builder_.Build();
  const Model folded = Folded(model);
  EXPECT_EQ(CountOf(folded.graph, "Cast"), 0);
  EXPECT_THAT(notes_, ElementsAre("8 Cast, Transpose, Reshape or such of weights computed ahead"));
  for (const Initializer& tensor : folded.graph.initializers) {
    EXPECT_EQ(tensor.type, DataType::kFloat32);
  }
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 6}, 1)}}, kBitByBit);
}

TEST_F(FoldWeightsTest, WidensBfloat16) {
  const std::string w = builder_.Constant(
      "w", Tensor::Of(DataType::kBfloat16, {2}, std::vector<std::uint16_t>{0x3F80, 0xC040}));
  builder_.Output(builder_.Add("Relu", "relu", {Cast("cast", w)}));
  const Model folded = Folded(builder_.Build());
  const Tensor widened = Must(ReadTensor(folded.graph.initializers[0]));
  EXPECT_THAT(widened.As<float>(), ElementsAre(1.0F, -3.0F));
}

TEST_F(FoldWeightsTest, FollowsChainsAndKeepsOneCopy) {
  const std::string x = builder_.Input("x", {-1, 80});
  Tensor half = Must(FromDoubles(DataType::kFloat16, {100, 80}, std::vector<double>(8000, 0.5)));
  const std::string cast = Cast("cast", builder_.Constant("w", half));
  const std::string reshaped =
      builder_.Add("Reshape", "reshape", {cast, builder_.Ints("to", {-1, 80})});
  const std::string transposed = builder_.Add("Transpose", "transpose", {reshaped});
  builder_.Output(builder_.Add("MatMul", "product", {x, transposed}));
  const Model model = builder_.Build();
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("MatMul", 1)));
  ASSERT_EQ(folded.graph.initializers.size(), 1U);
  EXPECT_EQ(folded.graph.initializers[0].dims, (Shape{80, 100}));
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 80}, 1)}}, kBitByBit);
}

TEST_F(FoldWeightsTest, ReshapesWithoutCopyingTheNumbers) {
  const std::string x = builder_.Input("x", {-1, 8});
  const std::string w = builder_.Weight("w", {2, 4, 16});
  const std::string flat = builder_.Add("Flatten", "flat", {w}, {Attribute::Int("axis", 2)});
  const std::string wide = builder_.Add("Unsqueeze", "wide", {flat, builder_.Ints("axes", {0})});
  const std::string back = builder_.Add("Squeeze", "back", {wide});
  builder_.Output(builder_.Add("MatMul", "product", {x, back}));
  const Model model = builder_.Build();
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("MatMul", 1)));
  ASSERT_EQ(folded.graph.initializers.size(), 1U);
  EXPECT_EQ(folded.graph.initializers[0].data.view.data(),
            model.graph.initializers[0].data.view.data());
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 8}, 1)}}, kBitByBit);
}

// As it is read from a file that stores floats one by one, not packed.
TEST_F(FoldWeightsTest, ReshapesNumbersThatAreStoredOneByOne) {
  std::string message("\x08\x02\x08\x03\x10\x01", 6);  // dims 2, 3; float32
  message += std::string("\x22\x18", 2);               // float_data, 24 bytes
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  message.append(reinterpret_cast<const char*>(numbers.data()), 24);
  message += std::string("\x42\x01w", 3);  // name
  const std::string graph = "\x2a" + std::string(1, static_cast<char>(message.size())) + message;
  const std::string text = std::string("\x08\x08\x42\x04\x0a\x00\x10\x11\x3a", 9) +
                           std::string(1, static_cast<char>(graph.size())) + graph;
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  const Model parsed = Must(ParseModel(Bytes::Own({begin, begin + text.size()})));
  ASSERT_EQ(parsed.graph.initializers[0].storage, Storage::kTyped);
  Model model = builder_.Build();
  model.graph.initializers = {parsed.graph.initializers[0]};
  model.graph.nodes = {MakeNode("Unsqueeze", "u", {"w", "axes"}, {"u_out"}),
                       MakeNode("Add", "add", {"x", "u_out"}, {"y"})};
  model.graph.initializers.push_back(
      Initializer::Of("axes", Tensor::Of(DataType::kInt64, {1}, std::vector{INT64_C(0)})));
  ModelBuilder ports;
  ports.Input("x", {-1, 2, 3});
  ports.Output("y");
  model.graph.inputs = ports.Build().graph.inputs;
  model.graph.outputs = ports.Build().graph.outputs;
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("Add", 1)));
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 2, 3}, 1)}}, kBitByBit);
}

TEST_F(FoldWeightsTest, LeavesATiedTableThatIsReadBothWays) {
  const std::string table = builder_.Weight("table", {128, 64});
  const std::string ids = builder_.Ints("ids", {1, 2, 3});
  const std::string x = builder_.Add("Gather", "embed", {table, ids});
  const std::string transposed = builder_.Add("Transpose", "transpose", {table});
  builder_.Output(builder_.Add("MatMul", "logits", {x, transposed}));
  const Model folded = Folded(builder_.Build());
  EXPECT_EQ(CountOf(folded.graph, "Transpose"), 1);
  EXPECT_THAT(notes_, ElementsAre("1 weights read in more than one form left as they are"));
}

TEST_F(FoldWeightsTest, TransposesASharedWeightOnce) {
  const std::string w = builder_.Weight("w", {64, 64});
  std::string x = builder_.Input("x", {-1, 64});
  for (const char* name : {"a", "b"}) {
    const std::string transposed =
        builder_.Add("Transpose", name, {w}, {Attribute::Ints("perm", {1, 0})});
    x = builder_.Add("MatMul", std::string(name) + "_product", {x, transposed});
  }
  builder_.Output(x);
  const Model model = builder_.Build();
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("MatMul", 2)));
  EXPECT_EQ(folded.graph.initializers.size(), 1U);
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 64}, 1)}}, kBitByBit);
}

class CutWeightsTest : public FoldWeightsTest {
 protected:
  // Elements [begin, end) of an axis.
  std::string Slice(const std::string& name, const std::string& input, std::int64_t axis,
                    std::int64_t begin, std::int64_t end, std::int64_t step = 1) {
    return builder_.Add(
        "Slice", name,
        {input, builder_.Ints(name + "_begin", {begin}), builder_.Ints(name + "_end", {end}),
         builder_.Ints(name + "_axis", {axis}), builder_.Ints(name + "_step", {step})});
  }
  std::string Concat(const std::string& name, const std::vector<std::string>& inputs,
                     std::int64_t axis) {
    return builder_.Add("Concat", name, inputs, {Attribute::Int("axis", axis)});
  }
  // y = x w, put out; x is [N, inputs].
  void Multiply(const std::string& name, std::int64_t inputs, const std::string& weight) {
    const std::string x = builder_.Input(name + "_x", {-1, inputs});
    builder_.Output(builder_.Add("MatMul", name, {x, weight}));
    inputs_.push_back({x, RandomTensor({3, inputs}, 5)});
  }
  // Folds, and compares outputs bit by bit.
  Graph FoldedLike() {
    const Model model = builder_.Build();
    const Model folded = Folded(model);
    ExpectSameOutputs(model, folded, inputs_, kBitByBit);
    return folded.graph;
  }

  std::vector<NamedTensor> inputs_;
};

// Gates put into another order, as exporters do with those of an LSTM.
TEST_F(CutWeightsTest, CutsAndJoinsInAnotherOrder) {
  const std::string w = builder_.Weight("w", {96, 80});
  const std::string turned =
      Concat("turned",
             {Slice("a", w, 0, 0, 24), Slice("d", w, -2, -24, 1000), Slice("b", w, 0, 24, 72)}, 0);
  Multiply("product", 96, turned);
  const Graph folded = FoldedLike();
  EXPECT_THAT(OperatorsOf(folded), ElementsAre(Pair("MatMul", 1)));
  ASSERT_EQ(folded.initializers.size(), 1U);
  EXPECT_EQ(folded.initializers[0].dims, (Shape{96, 80}));
  EXPECT_THAT(notes_, ElementsAre("4 Cast, Transpose, Reshape or such of weights computed ahead"));
}

TEST_F(CutWeightsTest, CutsAlongInnerAxesAndBackwards) {
  const std::string w = builder_.Weight("w", {64, 200});
  const std::string left = Slice("left", w, 1, 0, 100);
  const std::string odd = Slice("odd", Slice("right", w, 1, 100, 200), 1, 99, -1000, -2);
  Multiply("first", 64, left);
  Multiply("second", 64, odd);
  const std::string joined = Concat("joined", {builder_.Weight("v", {64, 3}), odd}, -1);
  Multiply("third", 64, joined);
  const Graph folded = FoldedLike();
  EXPECT_THAT(OperatorsOf(folded), ElementsAre(Pair("MatMul", 3)));
}

TEST_F(CutWeightsTest, SplitsAWeightOfSeveralProducts) {
  const std::string w = builder_.Weight("qkv", {64, 192});
  builder_.AddNode("Split", "split", {w, builder_.Ints("sizes", {128, 32, 32})}, {"q", "k", "v"},
                   {Attribute::Int("axis", -1)});
  for (const char* part : {"q", "k", "v"}) Multiply(std::string(part) + "_product", 64, part);
  const Graph folded = FoldedLike();
  EXPECT_THAT(OperatorsOf(folded), ElementsAre(Pair("MatMul", 3)));
  EXPECT_EQ(folded.initializers.size(), 3U);
}

TEST_F(CutWeightsTest, DoesOnceWhatIsDoneTwice) {
  const std::string w = builder_.Weight("w", {128, 64});
  for (const std::string name : {"a", "b"}) {
    const std::string whole =
        Concat(name, {Slice(name + "2", w, 0, 64, 128), Slice(name + "1", w, 0, 0, 64)}, 0);
    Multiply(name + "_product", 128, whole);
  }
  const Graph folded = FoldedLike();
  EXPECT_THAT(OperatorsOf(folded), ElementsAre(Pair("MatMul", 2)));
  EXPECT_EQ(folded.initializers.size(), 1U);
}

TEST_F(CutWeightsTest, LeavesPartsThatOverlap) {
  const std::string w = builder_.Weight("w", {128, 64});
  Multiply("first", 100, Slice("a", w, 0, 0, 100));
  Multiply("second", 100, Slice("b", w, 0, 28, 128));
  EXPECT_EQ(CountOf(FoldedLike(), "Slice"), 2);
  EXPECT_THAT(notes_, ElementsAre("1 weights read in more than one form left as they are"));
}

// The sum would be stored beside its parts, which others read: so the other part's Transpose, which
// is another form of what the sum reads, stays too.
TEST_F(CutWeightsTest, LeavesWhatWouldBeStoredTwice) {
  const std::string a = builder_.Weight("a", {64, 64});
  const std::string b = builder_.Weight("b", {64, 64});
  Multiply("whole", 128, Concat("ab", {a, b}, 0));
  Multiply("turned", 64, builder_.Add("Transpose", "at", {a}));
  Multiply("again", 64, b);
  Multiply("doubled", 128, Concat("cc", {builder_.Weight("c", {64, 64}), "c"}, 0));
  const Graph folded = FoldedLike();
  EXPECT_EQ(CountOf(folded, "Concat"), 2);
  EXPECT_EQ(CountOf(folded, "Transpose"), 1);
}

TEST_F(CutWeightsTest, LeavesIntegersAndComputedBounds) {
  const std::string ids = builder_.Input("ids", {-1}, DataType::kInt64);
  builder_.Output(
      builder_.Add("Mul", "ints", {ids, Concat("both", {builder_.Ints("one", {1}), "one"}, 0)}),
      DataType::kInt64);
  inputs_.push_back({ids, Tensor::Of(DataType::kInt64, {2}, std::vector<std::int64_t>{1, 64})});
  const std::string end =
      builder_.Add("Slice", "end", {ids, builder_.Ints("from", {1}), builder_.Ints("to", {2})});
  builder_.Output(builder_.Add("Slice", "rows",
                               {builder_.Weight("w", {128, 64}), builder_.Ints("zero", {0}), end}));
  EXPECT_THAT(OperatorsOf(FoldedLike()),
              ElementsAre(Pair("Concat", 1), Pair("Mul", 1), Pair("Slice", 2)));
}

TEST_F(FoldWeightsTest, ReadsTheBoundsOfOldSlices) {
  ModelBuilder old(9);
  const std::string w = old.Weight("w", {96, 64});
  const std::string rows = old.Add("Slice", "rows", {w},
                                   {Attribute::Ints("axes", {0}), Attribute::Ints("starts", {32}),
                                    Attribute::Ints("ends", {96})});
  old.Output(old.Add("MatMul", "product", {old.Input("x", {-1, 64}), rows}));
  const Model model = old.Build();
  const Model folded = Folded(model);
  EXPECT_THAT(OperatorsOf(folded.graph), ElementsAre(Pair("MatMul", 1)));
  ExpectSameOutputs(model, folded, {{"x", RandomTensor({2, 64}, 1)}}, kBitByBit);
}

TEST_F(FoldWeightsTest, LeavesActivationsAndOutputs) {
  const std::string x = builder_.Input("x", {-1, 8});
  builder_.Output(builder_.Add("Transpose", "activation", {x}));
  builder_.Output(builder_.Add("Transpose", "output", {builder_.Weight("w", {2, 3})}));
  EXPECT_EQ(CountOf(Folded(builder_.Build()).graph, "Transpose"), 2);
  EXPECT_THAT(notes_, IsEmpty());
}

}  // namespace fold_weights_test
}  // namespace quantbench

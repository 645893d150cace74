// Padding channels: the same outputs, and kernels that see multiples of 16.
#include "graph/pad_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace pad_channels_test {

using testing::ExpectSameOutputs;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;

// Convolutions in a row, with an input of three channels.
class Convolutions : public ModelBuilder {
 public:
  using ModelBuilder::ModelBuilder;
  std::string Image() { return Input("x", {-1, 3, 6, 5}); }
  std::string Dense(const std::string& name, const std::string& input, std::int64_t from,
                    std::int64_t to) {
    return Add("Conv", name,
               {input, Weight(name + "_w", {to, from, 1, 1}), Weight(name + "_b", {to})});
  }
  std::string Depthwise(const std::string& name, const std::string& input, std::int64_t channels) {
    return Add("Conv", name,
               {input, Weight(name + "_w", {channels, 1, 3, 3}), Weight(name + "_b", {channels})},
               {Attribute::Int("group", channels), Attribute::Ints("pads", {1, 1, 1, 1})});
  }
  std::string Scalar(const std::string& name, float value) {
    return Constant(name, Tensor::OfFloats({}, {value}));
  }
};

// Expand, depthwise, project.
std::string Bottleneck(Convolutions* builder, std::int64_t channels) {
  const std::string wide = builder->Dense("expand", builder->Image(), 3, channels);
  const std::string filtered =
      builder->Depthwise("filter", builder->Add("Relu", "a", {wide}), channels);
  return builder->Dense("project", builder->Add("Relu", "b", {filtered}), channels, 4);
}

std::int64_t Pad(const Model& model, Model* padded) {
  *padded = model;
  return Must(PadDepthwiseChannels(padded));
}

void ExpectSame(const Model& before, const Model& after) {
  for (const std::int64_t batch : {1, 2}) {
    ExpectSameOutputs(before, after, {{"x", RandomTensor({batch, 3, 6, 5}, 3)}}, kUpToRounding);
  }
}

void ExpectUntouched(const Model& model) {
  Model padded;
  EXPECT_EQ(Pad(model, &padded), 0);
  EXPECT_EQ(Must(EncodeToBytes(padded)), Must(EncodeToBytes(model)));
}

TEST(PadDepthwiseChannels, PadsABottleneck) {
  Convolutions builder;
  builder.Output(Bottleneck(&builder, 20 * 2));
  Model model = builder.Build();
  ValueInfo described = model.graph.inputs[0];
  described.name = "filter_out";
  described.dims[1].value = 40;
  model.graph.value_infos.push_back(described);
  Model padded;
  EXPECT_EQ(Pad(model, &padded), 1);
  const GraphIndex index(padded.graph);
  const Node& filter = *index.Producer("filter_out");
  EXPECT_EQ(filter.IntAttribute("group", 1), 48);
  EXPECT_EQ(index.FindInitializer(filter.inputs[1])->dims, (Shape{48, 1, 3, 3}));
  EXPECT_EQ(index.FindInitializer(index.Producer("expand_out")->inputs[2])->dims, (Shape{48}));
  EXPECT_EQ(index.FindInitializer(index.Producer("project_out")->inputs[1])->dims,
            (Shape{4, 48, 1, 1}));
  EXPECT_EQ(padded.graph.initializers.size(), model.graph.initializers.size());
  EXPECT_TRUE(padded.graph.value_infos.empty());  // its shape was no longer true
  ExpectSame(model, padded);
}

TEST(PadDepthwiseChannels, PadsSqueezeAndExcitationAndHardSwish) {
  Convolutions builder;
  const std::string wide = builder.Dense("expand", builder.Image(), 3, 24 + 4);
  const std::string shifted = builder.Add("Add", "shift", {wide, builder.Scalar("three", 3)});
  const std::string clipped =
      builder.Add("Clip", "clip", {shifted, builder.Scalar("zero", 0), builder.Scalar("six", 6)});
  const std::string gate = builder.Add("Mul", "sixth", {clipped, builder.Scalar("s", 1.F / 6)});
  const std::string filtered =
      builder.Depthwise("filter", builder.Add("Mul", "swish", {wide, gate}), 28);
  const std::string pooled = builder.Add("GlobalAveragePool", "pool", {filtered});
  const std::string squeezed =
      builder.Add("Relu", "relu", {builder.Dense("squeeze", pooled, 28, 8)});
  const std::string excited =
      builder.Add("Sigmoid", "sigmoid", {builder.Dense("excite", squeezed, 8, 28)});
  const std::string scaled = builder.Add("Mul", "scale", {excited, filtered});
  builder.Output(builder.Dense("project", scaled, 28, 4));
  Model padded;
  EXPECT_EQ(Pad(builder.Build(), &padded), 1);
  ExpectSame(builder.Build(), padded);
}

TEST(PadDepthwiseChannels, PadsThroughActivationsAndPooling) {
  const std::vector<Attribute> window = {Attribute::Ints("kernel_shape", {2, 2})};
  const std::vector<std::pair<std::string, std::vector<Attribute>>> ties = {
      {"LeakyRelu", {}},         {"Sigmoid", {}},       {"HardSigmoid", {}},
      {"HardSwish", {}},         {"MaxPool", window},   {"AveragePool", window},
      {"GlobalAveragePool", {}}, {"GlobalMaxPool", {}},
  };
  for (const auto& [op_type, attributes] : ties) {
    Convolutions builder;
    const std::string wide = builder.Dense("expand", builder.Image(), 3, 28);
    const std::string filtered = builder.Depthwise("filter", wide, 28);
    const std::string tied = builder.Add(op_type, "tied", {filtered}, attributes);
    builder.Output(builder.Dense("project", tied, 28, 4));
    Model padded;
    EXPECT_EQ(Pad(builder.Build(), &padded), 1) << op_type;
    ExpectSame(builder.Build(), padded);
  }
}

// The residual's Conv reads and writes the same set; the weight of one is shared.
TEST(PadDepthwiseChannels, PadsBothAxesAndCopiesSharedWeights) {
  Convolutions builder;
  const std::string a = builder.Dense("a", builder.Image(), 3, 14);
  const std::string b = builder.Dense("b", builder.Depthwise("filter", a, 14), 14, 14);
  const std::string sum = builder.Add("Add", "sum", {a, b});
  const std::string ending = builder.Dense("end", sum, 14, 14);
  builder.Output(ending).Output(builder.Add("Conv", "again", {ending, "b_w"}));
  Model padded;
  EXPECT_EQ(Pad(builder.Build(), &padded), 1);
  const GraphIndex index(padded.graph);
  EXPECT_EQ(index.FindInitializer("b_w")->dims, (Shape{14, 14, 1, 1}));
  EXPECT_EQ(index.FindInitializer(index.Producer("b_out")->inputs[1])->dims, (Shape{16, 16, 1, 1}));
  ExpectSame(builder.Build(), padded);
}

TEST(PadDepthwiseChannels, LeavesMultiplesAndDearPadding) {
  for (const std::int64_t channels : {16, 32, 17, 24}) {
    Convolutions builder;
    builder.Output(Bottleneck(&builder, channels));
    ExpectUntouched(builder.Build());
  }
}

TEST(PadDepthwiseChannels, LeavesSetsThatOthersSee) {
  const auto build = [](const auto& see) {
    Convolutions builder;
    builder.Output(Bottleneck(&builder, 28));
    see(&builder);
    return builder.Build();
  };
  ExpectUntouched(build([](Convolutions* b) { b->Output("filter_out"); }));
  ExpectUntouched(build([](Convolutions* b) { b->Output(b->Add("Softmax", "s", {"a_out"})); }));
  ExpectUntouched(build([](Convolutions* b) {
    b->Output(b->Add("Concat", "c", {"a_out", "expand_out"}, {Attribute::Int("axis", 1)}));
  }));
  ExpectUntouched(build([](Convolutions* b) {
    b->Output(b->Add("Mul", "m", {"a_out", b->Weight("scales", {28, 1, 1})}));
  }));
  ExpectUntouched(build([](Convolutions* b) {
    b->Output(b->Add("Add", "m", {"a_out", b->Dense("one", "b_out", 28, 1)}));
  }));
  ExpectUntouched(build([](Convolutions* b) {
    b->AddNode("MaxPool", "m", {"a_out"}, {"m_out", "places"},
               {Attribute::Ints("kernel_shape", {2, 2})});
    b->Output("m_out").Output("places", DataType::kInt64);
  }));
}

TEST(PadDepthwiseChannels, LeavesDepthwiseOfTheInput) {
  Convolutions builder;
  builder.Output(
      builder.Dense("end", builder.Depthwise("f", builder.Input("x", {-1, 28, 6, 5}), 28), 28, 4));
  ExpectUntouched(builder.Build());
}

TEST(PadDepthwiseChannels, LeavesWhatASubgraphReads) {
  Convolutions builder;
  builder.Output(Bottleneck(&builder, 28));
  Attribute branch;
  branch.name = "then_branch";
  branch.type = AttributeType::kGraph;
  branch.graphs.emplace_back();
  branch.graphs[0].name = "then";
  branch.graphs[0].nodes.push_back(MakeNode("Relu", "", {"filter_out"}, {"inner"}));
  branch.graphs[0].outputs.emplace_back();
  branch.graphs[0].outputs[0].name = "inner";
  Attribute other = branch;
  other.name = "else_branch";
  builder.Output(builder.Add(
      "If", "if", {builder.Constant("yes", Tensor::Of(DataType::kBool, {}, std::vector<char>{1}))},
      {branch, other}));
  ExpectUntouched(builder.Build());
}

}  // namespace pad_channels_test
}  // namespace quantbench

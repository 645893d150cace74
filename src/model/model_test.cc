// Small questions about models, and the elements made for edits.
#include "quantbench/model.h"

#include <gtest/gtest.h>

namespace quantbench {
namespace model_test {

TEST(Model, RaisesOperatorSetsAndNeverLowersThem) {
  Model model;
  model.opsets = {{"", 13}};
  EXPECT_EQ(model.OpsetVersion(), 13);
  EXPECT_EQ(model.OpsetVersion("com.microsoft"), 0);
  model.RequireOpset("", 11);
  EXPECT_EQ(model.OpsetVersion(), 13);
  model.RequireOpset("", 21);
  model.RequireOpset("com.microsoft", 1);
  EXPECT_EQ(model.opsets, (std::vector<Opset>{{"", 21}, {"com.microsoft", 1}}));
}

TEST(Model, PrintsDimensionsSafely) {
  const std::vector<Dimension> dims = {{-1, "batch"}, {3, ""}, {-1, ""}, {-1, "a\nb"}};
  EXPECT_EQ(ToString(std::span(dims)), "[batch, 3, ?, a\\x0ab]");
  EXPECT_EQ(ToString(std::span<const Dimension>()), "[]");
}

TEST(Model, FindsAttributesByName) {
  Node node;
  node.op_type = "Conv";
  node.attributes = {Attribute::Int("group", 4), Attribute::Ints("strides", {2, 2}),
                     Attribute::Float("alpha", 0.25F), Attribute::String("auto_pad", "VALID")};
  EXPECT_EQ(node.IntAttribute("group", 1), 4);
  EXPECT_EQ(node.FloatAttribute("alpha", 1), 0.25F);
  EXPECT_EQ(node.FindAttribute("strides")->type, AttributeType::kInts);
  EXPECT_EQ(node.FindAttribute("auto_pad")->s, "VALID");
  EXPECT_EQ(node.FindAttribute("pads"), nullptr);
  EXPECT_TRUE(node.Is("Conv"));
  node.domain = "com.microsoft";
  EXPECT_FALSE(node.Is("Conv"));
}

TEST(Model, OwnsBuffersItTakesOver) {
  Bytes bytes;
  {
    std::vector<std::byte> buffer(3, std::byte{5});
    bytes = Bytes::Own(std::move(buffer));
  }
  EXPECT_EQ(bytes.size(), 3U);
  EXPECT_EQ(bytes.view[2], std::byte{5});
  EXPECT_EQ(Initializer::Of("w", Tensor::OfFloats({2}, {1, 2})).stored_bytes(), 8U);
}

}  // namespace model_test
}  // namespace quantbench

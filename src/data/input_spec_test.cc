// Inputs as people write them.
#include <gtest/gtest.h>

#include "quantbench/data.h"

namespace quantbench {
namespace input_spec_test {

TEST(InputSpecText, ReadsAndWritesTheSame) {
  for (const char* text : {"x=float32[batch,3,224,224]", "input_ids=int64[batch,sequence]",
                           "sr=int64[]", "a=b=float16[1]"}) {
    const auto input = ParseInputSpec(text);
    ASSERT_TRUE(input.ok()) << input.error().message();
    EXPECT_EQ(ToString(input.value()), text);
  }
  const InputSpec image = ParseInputSpec("x=float32[batch, 3]").value();
  EXPECT_EQ(image.dims, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_EQ(image.dim_names, (std::vector<std::string>{"batch", ""}));
}

TEST(InputSpecText, MistakesQuoteTheText) {
  for (const char* text : {"", "x", "x=float32", "=float32[1]", "x=float99[1]", "x=float32[1,]",
                           "x=float32[-1]", "x=float32[a b]", "x=float32[1]]", "float32[1]"}) {
    const auto input = ParseInputSpec(text);
    ASSERT_FALSE(input.ok()) << text;
    EXPECT_EQ(input.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(input.error().message().find(text), std::string::npos);
  }
}

}  // namespace input_spec_test
}  // namespace quantbench

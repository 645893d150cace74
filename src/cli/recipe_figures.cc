// Figures of recipes: those of docs/models.md, "Recipes side by side", which says how to repeat
// them.
#include "cli/recipe_figures.h"

#include <algorithm>
#include <array>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

namespace quantbench {
namespace {

// Times faster: on a processor with AVX2 and without VNNI, on one with AVX-512, VNNI and AMX.
struct TimesFaster {
  double avx2;
  double vnni;
};

struct RecipeFigures {
  std::string_view recipe;
  double cnn_smaller;
  TimesFaster cnn;
  double text_smaller;
  TimesFaster text;
  double points;
};

constexpr auto kFigures = std::to_array<RecipeFigures>({
    {"static-int8", 3.95, {1.92, 2.92}, 3.97, {1.87, 4.43}, 0.17},
    {"static-int8-fast", 3.95, {1.94, 2.9}, 3.97, {1.82, 4.03}, 0.5},
    {"static-int8-best", 3.95, {1.91, 2.86}, 3.97, {1.85, 4.22}, 0.0},
    {"w4a8", 6.83, {1.83, 2.92}, 5.83, {1.87, 4.47}, -0.07},
    {"dynamic-int8", 3.97, {1.04, 0.998}, 3.97, {1.96, 4.13}, 0.24},
    {"weight-int8", 3.93, {1.0, 0.971}, 3.55, {0.646, 0.857}, 0.3},
    {"weight-int4", 4.09, {1.01, 1.01}, 6.36, {0.927, 0.793}, 0.3},
    {"weight-int4-best", 4.09, {0.973, 0.965}, 6.36, {0.901, 0.807}, 0.3},
    {"float16", 2.0, {1.02, 0.969}, 2.0, {1.05, 0.988}, 0.04},
    {"bfloat16", 2.0, {1.03, 0.997}, 2.0, {1.0, 0.999}, -0.03},
    {"static-int16", 3.95, {0.702, 0.594}, 3.97, {0.543, 0.396}, 0.17},
    {"float8", 3.97, {0.965, 0.979}, 3.97, {1.01, 0.925}, 0.3},
});

bool HasVnni() {
  return HostTarget() == Target::kX64Vnni;
}

}  // namespace

std::string RecipeFiguresHeader() {
  return Format(
      "Times smaller and faster of ResNet-50 and of DistilBERT (128 tokens), one thread of a\n"
      "processor with {}, and change of top-1 of ResNet-20 on CIFAR-10 in points:\n"
      "                    ResNet-50    DistilBERT   top-1\n",
      HasVnni() ? "AVX-512, VNNI and AMX" : "AVX2 and without VNNI");
}

std::string RecipeFiguresOf(std::string_view recipe) {
  const auto found = std::find_if(kFigures.begin(), kFigures.end(),
                                  [&](const RecipeFigures& row) { return row.recipe == recipe; });
  if (found == kFigures.end()) return std::string(32, ' ');
  return Format("{:>5.2f} {:>5.2f}  {:>5.2f} {:>5.2f}  {:>+5.2f}", found->cnn_smaller,
                HasVnni() ? found->cnn.vnni : found->cnn.avx2, found->text_smaller,
                HasVnni() ? found->text.vnni : found->text.avx2, found->points);
}

}  // namespace quantbench

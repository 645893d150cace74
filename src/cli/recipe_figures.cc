// Figures of recipes: those of docs/models.md, "Recipes side by side", which says how to repeat
// them.
#include "cli/recipe_figures.h"

#include <algorithm>
#include <array>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

struct RecipeFigures {
  std::string_view recipe;
  double cnn_smaller;
  double cnn_faster;
  double text_smaller;
  double text_faster;
  double points;
};

constexpr auto kFigures = std::to_array<RecipeFigures>({
    {"static-int8", 3.95, 1.92, 3.97, 1.87, 0.17},
    {"static-int8-fast", 3.95, 1.94, 3.97, 1.82, 0.5},
    {"static-int8-best", 3.95, 1.91, 3.97, 1.85, 0.0},
    {"w4a8", 6.83, 1.83, 5.83, 1.87, -0.07},
    {"dynamic-int8", 3.97, 1.04, 3.97, 1.96, 0.24},
    {"weight-int8", 3.93, 1.0, 3.55, 0.646, 0.3},
    {"weight-int4", 4.09, 1.01, 6.36, 0.927, 0.3},
    {"weight-int4-best", 4.09, 0.973, 6.36, 0.901, 0.3},
    {"float16", 2.0, 1.02, 2.0, 1.05, 0.04},
    {"bfloat16", 2.0, 1.03, 2.0, 1.0, -0.03},
    {"static-int16", 3.95, 0.702, 3.97, 0.543, 0.17},
    {"float8", 3.97, 0.965, 3.97, 1.01, 0.3},
});

}  // namespace

std::string RecipeFiguresHeader() {
  return "Times smaller and faster of ResNet-50 and of DistilBERT (128 tokens), one thread of an "
         "AVX2\n"
         "processor without VNNI, and change of top-1 of ResNet-20 on CIFAR-10 in points:\n"
         "                    ResNet-50    DistilBERT   top-1\n";
}

std::string RecipeFiguresOf(std::string_view recipe) {
  const auto found = std::find_if(kFigures.begin(), kFigures.end(),
                                  [&](const RecipeFigures& row) { return row.recipe == recipe; });
  if (found == kFigures.end()) return std::string(32, ' ');
  return Format("{:>5.2f} {:>5.2f}  {:>5.2f} {:>5.2f}  {:>+5.2f}", found->cnn_smaller,
                found->cnn_faster, found->text_smaller, found->text_faster, found->points);
}

}  // namespace quantbench

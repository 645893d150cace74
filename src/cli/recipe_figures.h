// What each recipe did to models of ours: printed by `quantize --help`.
#pragma once

#include <string>
#include <string_view>

namespace quantbench {

// Above the column of figures, two lines; what they are figures of.
[[nodiscard]] std::string RecipeFiguresHeader();

// "3.9x 1.9x  3.9x 1.3x   +0.2": times smaller and times faster of a convolutional network and of a
// transformer, then the change of accuracy of a third. Spaces where nothing was measured.
[[nodiscard]] std::string RecipeFiguresOf(std::string_view recipe);

}  // namespace quantbench

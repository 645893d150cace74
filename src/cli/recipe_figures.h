// What each recipe did to models of ours: printed by `quantize --help`.
#pragma once

#include <string>
#include <string_view>

namespace quantbench {

// What the columns of RecipeFiguresOf are, in whole lines.
[[nodiscard]] std::string RecipeFiguresHeader();

// Times smaller and faster of a convolutional network, the same of a transformer, and the change of
// accuracy of a third network in points, in columns; times of the kind of processor that is nearest
// to this one. Empty columns where nothing was measured.
[[nodiscard]] std::string RecipeFiguresOf(std::string_view recipe);

}  // namespace quantbench

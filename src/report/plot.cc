// Parts that gnuplot scripts share.
#include "report/plot.h"

#include <array>
#include <string_view>

namespace quantbench {
namespace {

// Colours that stay apart for colour-blind eyes [Okabe, Ito 2008].
constexpr std::array<std::string_view, 7> kColours = {"#444444", "#0072b2", "#d55e00", "#009e73",
                                                      "#cc79a7", "#e69f00", "#56b4e9"};

}  // namespace

std::string Colour(std::size_t arm) {
  return std::string(kColours[arm % kColours.size()]);
}

std::string Joined(const std::vector<std::string>& plots) {
  std::string text;
  for (const std::string& plot : plots) text += (text.empty() ? "" : ", \\\n  ") + plot;
  return text + "\n";
}

}  // namespace quantbench

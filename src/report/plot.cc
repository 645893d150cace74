// Parts that gnuplot scripts share.
#include "report/plot.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// Colours that stay apart for colour-blind eyes [Okabe, Ito 2008].
constexpr std::array<std::string_view, 7> kColours = {"#444444", "#0072b2", "#d55e00", "#009e73",
                                                      "#cc79a7", "#e69f00", "#56b4e9"};
constexpr double kDecades = 20;     // times that values differ by until their scale is logarithmic
constexpr double kRoom = 0.06;      // of a linear axis, beyond the outermost values
constexpr double kRoomTimes = 1.2;  // of a logarithmic one

}  // namespace

std::string Colour(std::size_t arm) {
  return std::string(kColours[arm % kColours.size()]);
}

std::string ColourOf(const std::vector<std::string>& arms, const std::string& arm) {
  return Colour(static_cast<std::size_t>(std::find(arms.begin(), arms.end(), arm) - arms.begin()));
}

std::string Lighter(const std::string& colour, double white) {
  std::string lighter = "#";
  for (std::size_t at = 1; at + 1 < colour.size(); at += 2) {
    int part = 0;
    std::from_chars(colour.data() + at, colour.data() + at + 2, part, 16);
    lighter += Format("{:02x}", std::lround(part + (255 - part) * white));
  }
  return lighter;
}

std::string Joined(const std::vector<std::string>& plots) {
  std::string text;
  for (const std::string& plot : plots) text += (text.empty() ? "" : ", \\\n  ") + plot;
  return text + "\n";
}

std::size_t PlotBlocks::Add(std::string_view comment, std::string_view rows) {
  data_ += Format("# {}\n{}\n\n", Printable(comment), rows);
  return blocks_++;
}

void PlotBlocks::Draw(std::size_t block, std::string_view how) {
  plots_.push_back(Format("'{}.dat' index {} {}", figure_, block, how));
}

void AxisRange::Add(double value) {
  if (!std::isfinite(value)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

std::string AxisRange::Script(char axis) const {
  if (low_ > 0 && high_ > kDecades * low_) {
    return Format("set logscale {}\nset {}range [{:.6g}:{:.6g}]\n", axis, axis, low_ / kRoomTimes,
                  high_ * kRoomTimes);
  }
  const double room = kRoom * (high_ > low_ ? high_ - low_ : std::fabs(high_) + 1);
  return Format("set {}range [{:.6g}:{:.6g}]\n", axis, low_ - room, high_ + room);
}

}  // namespace quantbench

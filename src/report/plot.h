// Parts that gnuplot scripts share.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace quantbench {

// The colour of an arm, by its place among the arms; the original is dark grey.
std::string Colour(std::size_t arm);
std::string ColourOf(const std::vector<std::string>& arms, const std::string& arm);
// A colour mixed with white: 0 leaves it, 1 is white.
std::string Lighter(const std::string& colour, double white);
// The parts of one plot command, a line each.
std::string Joined(const std::vector<std::string>& plots);

// Data in blocks, and what draws each of them.
class PlotBlocks {
 public:
  explicit PlotBlocks(std::string figure) : figure_(std::move(figure)) {}

  // `rows`: lines of numbers, at least one. Returns the block's number.
  std::size_t Add(std::string_view comment, std::string_view rows);
  // `how`: what follows the block's number: "using 1:2 with lines".
  void Draw(std::size_t block, std::string_view how);
  // A part of the plot command that needs no data: a function, an entry of the key.
  void Also(std::string part) { plots_.push_back(std::move(part)); }
  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] std::string Command() const { return "plot " + Joined(plots_); }

 private:
  std::string figure_;
  std::string data_;
  std::size_t blocks_ = 0;
  std::vector<std::string> plots_;
};

// What an axis shows.
class AxisRange {
 public:
  void Add(double value);  // left out where it is not finite
  [[nodiscard]] double highest() const { return high_; }
  // The commands for axis 'x' or 'y': a range with some room on both sides; where values differ by
  // more than twenty times, a scale on which decades are equally long. At least one value.
  [[nodiscard]] std::string Script(char axis) const;

 private:
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

}  // namespace quantbench

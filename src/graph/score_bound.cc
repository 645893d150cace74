// Bounding scores: norms of weights, column by column.
#include "graph/score_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/graph.h"

#include "graph/graph_pattern.h"

namespace quantbench {
namespace {

constexpr double kNoBound = std::numeric_limits<double>::infinity();

double SquaresOf(std::span<const double> numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number * number;
  return sum;
}

// A float32 initializer of `count` numbers.
bool HoldsFloats(const Initializer* tensor, std::int64_t count) {
  return tensor != nullptr && tensor->type == DataType::kFloat32 && Elements(*tensor) == count;
}

Result<std::vector<double>> NumbersOf(const Initializer& tensor) {
  QB_TRY(const Tensor numbers, ReadTensor(tensor));
  return ToDoubles(numbers);
}

// Adds the squares of whole rows to their columns.
void AddSquares(std::span<const float> rows, std::span<double> columns) {
  for (std::size_t row = 0; row < rows.size(); row += columns.size()) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const double number = rows[row + column];
      columns[column] += number * number;
    }
  }
}

}  // namespace

// Some columns of x W + b.
struct ScoreBound::Projection {
  const Initializer* weight = nullptr;  // [K, N]
  const Initializer* bias = nullptr;    // N numbers, or none
  const Initializer* gamma = nullptr;   // of the normalization of x: K numbers
  const Initializer* beta = nullptr;    // K numbers, or none
  std::int64_t first = 0;               // of the columns
  std::int64_t count = 0;
};

Result<double> ScoreBound::LargestProduct(std::string_view query, std::string_view keys,
                                          std::int64_t heads) {
  Projection of_query;
  Projection of_keys;
  if (!FindProjection(query, &of_query) || !FindProjection(keys, &of_keys)) return kNoBound;
  QB_TRY(const std::vector<double> q, NormsOfHeads(of_query, heads));
  QB_TRY(const std::vector<double> k, NormsOfHeads(of_keys, heads));
  double largest = 0;
  for (std::size_t head = 0; head < q.size(); ++head) {
    const double product = q[head] * k[head];
    if (!std::isfinite(product)) return kNoBound;
    largest = std::max(largest, product);
  }
  return largest;
}

bool ScoreBound::FindProjection(std::string_view value, Projection* found) const {
  const GraphIndex& index = pattern_.index();
  found->count = WidthOf(value);
  const Node* node = index.Producer(value);
  if (node != nullptr && node->Is("Split")) {
    if (!FindPart(*node, value, found)) return false;
    node = index.Producer(node->inputs[0]);
  }
  if (node != nullptr && node->Is("Add") && node->inputs.size() == 2) {
    const std::size_t constant = index.FindInitializer(node->inputs[0]) != nullptr ? 0 : 1;
    found->bias = index.FindInitializer(node->inputs[constant]);
    if (found->bias == nullptr) return false;
    node = index.Producer(node->inputs[1 - constant]);
  }
  if (node == nullptr || !node->Is("MatMul") || node->inputs.size() != 2) return false;
  found->weight = index.FindInitializer(node->inputs[1]);
  return ColumnsFit(*found) && FindNorm(node->inputs[0], found);
}

// Of the last of three axes; 0 where it is not known.
std::int64_t ScoreBound::WidthOf(std::string_view value) const {
  const auto& shape = pattern_.ShapeOf(value);
  return shape && shape->size() == 3 ? shape->back().constant().value_or(0) : 0;
}

// Where the part begins that is called `value`.
bool ScoreBound::FindPart(const Node& split, std::string_view value, Projection* found) const {
  const std::int64_t axis = split.IntAttribute("axis", 0);
  if ((axis != 2 && axis != -1) || split.inputs.empty()) return false;
  for (const std::string& part : split.outputs) {
    if (part == value) return true;
    const std::int64_t width = WidthOf(part);
    if (width < 1) return false;
    found->first += width;
  }
  return false;
}

bool ScoreBound::ColumnsFit(const Projection& found) {
  if (found.weight == nullptr || found.weight->dims.size() != 2) return false;
  const std::int64_t columns = found.weight->dims[1];
  return HoldsFloats(found.weight, Elements(*found.weight)) &&
         (found.bias == nullptr || HoldsFloats(found.bias, columns)) && found.count >= 1 &&
         found.first + found.count <= columns;
}

bool ScoreBound::FindNorm(std::string_view value, Projection* found) const {
  const Node* norm = pattern_.index().Producer(value);
  if (norm == nullptr || !norm->Is("LayerNormalization") || norm->inputs.size() < 2) return false;
  const std::int64_t axis = norm->IntAttribute("axis", -1);
  const auto& shape = pattern_.ShapeOf(value);
  const std::int64_t width = found->weight->dims[0];
  if (!shape || shape->size() != 3 || (axis != -1 && axis != 2)) return false;
  found->gamma = pattern_.index().FindInitializer(norm->inputs[1]);
  if (!HoldsFloats(found->gamma, width)) return false;
  if (norm->inputs.size() < 3 || norm->inputs[2].empty()) return true;
  found->beta = pattern_.index().FindInitializer(norm->inputs[2]);
  return HoldsFloats(found->beta, width);
}

Result<std::vector<double>> ScoreBound::NormsOfHeads(const Projection& projection,
                                                     std::int64_t heads) {
  const auto depth = static_cast<double>(projection.weight->dims[0]);
  QB_TRY(const std::vector<double> gamma, NumbersOf(*projection.gamma));
  double largest = 0;
  for (const double number : gamma) largest = std::max(largest, std::abs(number));
  double input = largest * std::sqrt(depth);
  if (projection.beta != nullptr) {
    QB_TRY(const std::vector<double> beta, NumbersOf(*projection.beta));
    input += std::sqrt(SquaresOf(beta));
  }
  std::vector<double> bias;
  if (projection.bias != nullptr) {
    QB_TRY(bias, NumbersOf(*projection.bias));
  }
  QB_OK(SumColumns(*projection.weight));
  const auto width = static_cast<std::size_t>(projection.count / heads);
  std::vector<double> norms;
  for (std::size_t head = 0; head < static_cast<std::size_t>(heads); ++head) {
    const std::size_t first = static_cast<std::size_t>(projection.first) + head * width;
    const std::span<const double> columns = std::span(columns_).subspan(first, width);
    double norm = 0;
    for (const double squares : columns) norm += squares;
    norm = input * std::sqrt(norm);
    if (!bias.empty()) norm += std::sqrt(SquaresOf(std::span(bias).subspan(first, width)));
    norms.push_back(norm);
  }
  return norms;
}

Status ScoreBound::SumColumns(const Initializer& weight) {
  if (summed_ == weight.name) return Ok();
  constexpr std::int64_t kNumbers = 1 << 18;  // of a stretch: 1 MB
  const std::int64_t width = weight.dims[1];
  const std::int64_t rows = std::max<std::int64_t>(1, kNumbers / width);
  QB_TRY(const FloatValues values, FloatValues::Of(weight));
  columns_.assign(static_cast<std::size_t>(width), 0);
  for (std::int64_t begin = 0; begin < values.size(); begin += rows * width) {
    const std::int64_t end = std::min(values.size(), begin + rows * width);
    values.Read(begin, end, [&](std::span<const float> numbers) { AddSquares(numbers, columns_); });
  }
  summed_ = weight.name;
  return Ok();
}

}  // namespace quantbench

// Weights: chunks of rows over threads; results do not depend on how many there are.
#include "quantize/weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "quantize/kernels.h"

namespace quantbench {
namespace {

constexpr std::int64_t kWeightChunk = 1 << 18;

template <typename T>
std::span<T> Slice(std::span<T> values, std::int64_t begin, std::int64_t end) {
  return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::int64_t ChunksOf(std::int64_t elements) {
  return (elements + kWeightChunk - 1) / kWeightChunk;
}

// Weights as a matrix whose rows are quantized one by one.
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  [[nodiscard]] std::int64_t RowsPerChunk() const {
    return std::max<std::int64_t>(1, kWeightChunk / std::max<std::int64_t>(1, columns));
  }
  template <typename T>
  [[nodiscard]] std::span<T> Row(std::span<T> values, std::int64_t row) const {
    return Slice(values, row * columns, (row + 1) * columns);
  }
};

// One scale for all: rows are stretches of one long vector. Else rows are those of the first axis.
Matrix MatrixOf(const Initializer& initializer, Channels channels) {
  const std::int64_t elements = Elements(initializer);
  if (channels == Channels::kNone) return {elements, 1};
  const std::int64_t rows = initializer.dims.empty() ? 1 : initializer.dims[0];
  return {rows, rows == 0 ? 0 : elements / rows};
}

std::vector<float> ColumnMaxima(const FloatValues& weights, const Matrix& matrix, int threads) {
  const std::int64_t grain = matrix.RowsPerChunk();
  const std::int64_t chunks = (matrix.rows + grain - 1) / grain;
  const auto columns = static_cast<std::size_t>(matrix.columns);
  std::vector<std::vector<float>> parts(static_cast<std::size_t>(chunks));
  ParallelFor(matrix.rows, grain, threads, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float>& part = parts[static_cast<std::size_t>(begin / grain)];
    part.assign(columns, 0.0F);
    weights.Read(begin * matrix.columns, end * matrix.columns, [&](std::span<const float> values) {
      for (std::int64_t row = 0; row < end - begin; ++row) {
        kernels::AbsMaxInto(matrix.Row(values, row), part);
      }
    });
  });
  std::vector<float> maxima(columns, 0.0F);
  for (const std::vector<float>& part : parts) kernels::AbsMaxInto(part, maxima);
  return maxima;
}

std::vector<float> RowMaxima(const FloatValues& weights, const Matrix& matrix, int threads) {
  std::vector<float> maxima(static_cast<std::size_t>(matrix.rows));
  ParallelFor(matrix.rows, matrix.RowsPerChunk(), threads,
              [&](std::int64_t begin, std::int64_t end) {
                weights.Read(begin * matrix.columns, end * matrix.columns,
                             [&](std::span<const float> values) {
                               for (std::int64_t row = 0; row < end - begin; ++row) {
                                 maxima[static_cast<std::size_t>(begin + row)] =
                                     kernels::AbsMax(matrix.Row(values, row));
                               }
                             });
              });
  return maxima;
}

std::vector<float> WholeMaximum(const FloatValues& weights, int threads) {
  const std::int64_t count = weights.size();
  std::vector<float> parts(static_cast<std::size_t>(ChunksOf(count)));
  ParallelFor(count, kWeightChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    weights.Read(begin, end, [&](std::span<const float> values) {
      parts[static_cast<std::size_t>(begin / kWeightChunk)] = kernels::AbsMax(values);
    });
  });
  return {kernels::AbsMax(parts)};
}

// Turns rows [begin, end) of a matrix into codes.
struct Quantizer {
  Channels channels;
  Matrix matrix;
  std::span<const float> scales;

  void Rows(std::int64_t begin, std::int64_t end, std::span<const float> values,
            std::span<std::int8_t> codes) const {
    if (channels == Channels::kNone) {
      kernels::QuantizeRow(values, scales[0], codes);
    } else if (channels == Channels::kColumns) {
      for (std::int64_t row = 0; row < end - begin; ++row) {
        kernels::QuantizeRowByColumn(matrix.Row(values, row), scales, matrix.Row(codes, row));
      }
    } else {
      for (std::int64_t row = 0; row < end - begin; ++row) {
        kernels::QuantizeRow(matrix.Row(values, row), scales[static_cast<std::size_t>(begin + row)],
                             matrix.Row(codes, row));
      }
    }
  }
};

// Magnitudes below the smallest normal half, 2^-14, keep fewer than 11 digits or none.
std::int64_t CountSmall(std::span<const float> values) {
  return static_cast<std::int64_t>(kernels::CountBelow(values, 0x1p-14F));
}

// A matrix of bytes written the other way round.
struct Transposer {
  std::span<const std::byte> from;
  std::span<std::byte> to;
  std::int64_t rows;
  std::int64_t columns;

  void Tile(std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) const {
    for (std::int64_t row = top; row < bottom; ++row) {
      for (std::int64_t column = left; column < right; ++column) {
        to[static_cast<std::size_t>(column * rows + row)] =
            from[static_cast<std::size_t>(row * columns + column)];
      }
    }
  }
};

// In square tiles, so that both sides stay in the cache.
std::vector<std::byte> Transposed(std::span<const std::byte> codes, std::int64_t rows,
                                  std::int64_t columns, int threads) {
  constexpr std::int64_t kTile = 64;
  std::vector<std::byte> result(codes.size());
  const Transposer transposer{codes, result, rows, columns};
  ParallelFor(rows, kTile, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t left = 0; left < columns; left += kTile) {
      transposer.Tile(begin, end, left, std::min(columns, left + kTile));
    }
  });
  return result;
}

// Every number through a kernel that writes a narrower float.
template <typename T, typename Kernel>
Result<Tensor> Narrowed(const Initializer& initializer, DataType type, int threads,
                        const Kernel& kernel) {
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  QB_TRY(Tensor tensor, Tensor::Make(type, initializer.dims));
  const std::span<T> out = tensor.As<T>();
  ParallelFor(weights.size(), kWeightChunk, threads, [&](std::int64_t begin, std::int64_t end) {
    weights.Read(begin, end,
                 [&](std::span<const float> values) { kernel(values, Slice(out, begin, end)); });
  });
  return tensor;
}

}  // namespace

bool IsFloatWeights(const Initializer& initializer) {
  return initializer.type == DataType::kFloat32 && Elements(initializer) >= kMinWeightElements;
}

Error NotFinite(const Initializer& initializer, float value) {
  return {ErrorCode::kMalformed,
          Format("initializer \"{}\" holds {}: such weights cannot be quantized",
                 Printable(initializer.name), std::isnan(value) ? "NaN" : "infinity")};
}

Result<std::vector<float>> ChannelMaxima(const Initializer& initializer, Channels channels,
                                         int threads) {
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  return ChannelMaxima(initializer, weights, channels, threads);
}

Result<std::vector<float>> ChannelMaxima(const Initializer& initializer, const FloatValues& weights,
                                         Channels channels, int threads) {
  const Matrix matrix = MatrixOf(initializer, channels);
  std::vector<float> maxima;
  switch (channels) {
    case Channels::kNone: maxima = WholeMaximum(weights, threads); break;
    case Channels::kRows: maxima = RowMaxima(weights, matrix, threads); break;
    case Channels::kColumns: maxima = ColumnMaxima(weights, matrix, threads); break;
  }
  for (const float maximum : maxima) {
    if (std::isfinite(maximum)) continue;
    return NotFinite(initializer, maximum);
  }
  return maxima;
}

std::vector<float> SymmetricScales(std::span<const float> maxima) {
  std::vector<float> scales;
  scales.reserve(maxima.size());
  for (const float maximum : maxima) {
    scales.push_back(ChooseSymmetric(-maximum, maximum, {-127, 127}).scale);
  }
  return scales;
}

Result<Tensor> QuantizeWeights(const Initializer& initializer, std::span<const float> scales,
                               const CodeLayout& layout, int threads) {
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kInt8, initializer.dims));
  const Matrix matrix = MatrixOf(initializer, layout.channels);
  const Quantizer quantizer{layout.channels, matrix, scales};
  const std::span<std::int8_t> codes = tensor.As<std::int8_t>();
  ParallelFor(matrix.rows, matrix.RowsPerChunk(), threads,
              [&](std::int64_t begin, std::int64_t end) {
                const std::int64_t from = begin * matrix.columns;
                const std::int64_t to = end * matrix.columns;
                weights.Read(from, to, [&](std::span<const float> values) {
                  quantizer.Rows(begin, end, values, Slice(codes, from, to));
                });
              });
  if (layout.negate) {
    for (std::int8_t& code : tensor.As<std::int8_t>()) code = static_cast<std::int8_t>(-code);
  }
  if (layout.offset) {
    // Two's complement: flipping the sign bit adds 128.
    for (std::byte& code : tensor.bytes) code ^= std::byte{0x80};
    tensor.type = DataType::kUint8;
  }
  if (layout.transpose) {
    tensor.bytes = Transposed(tensor.bytes, tensor.shape[0], tensor.shape[1], threads);
    std::swap(tensor.shape[0], tensor.shape[1]);
  }
  return tensor;
}

TensorMaker LaterQuantized(const Initializer& initializer, std::vector<float> scales,
                           const CodeLayout& layout, int threads) {
  return [initializer, scales = std::move(scales), layout, threads] {
    return QuantizeWeights(initializer, scales, layout, threads);
  };
}

Shape CodeShape(const Initializer& initializer, const CodeLayout& layout) {
  Shape shape = initializer.dims;
  if (layout.transpose) std::swap(shape[0], shape[1]);
  return shape;
}

Result<HalfSurvey> SurveyForHalf(const Initializer& initializer) {
  QB_TRY(const FloatValues weights, FloatValues::Of(initializer));
  const std::int64_t count = weights.size();
  std::vector<HalfSurvey> parts(static_cast<std::size_t>(ChunksOf(count)));
  ParallelFor(count, kWeightChunk, 0, [&](std::int64_t begin, std::int64_t end) {
    weights.Read(begin, end, [&](std::span<const float> values) {
      parts[static_cast<std::size_t>(begin / kWeightChunk)] = {kernels::AbsMax(values),
                                                               CountSmall(values)};
    });
  });
  HalfSurvey survey;
  for (const HalfSurvey& part : parts) {
    survey.largest = kernels::AbsMax(std::array{survey.largest, part.largest});
    survey.small += part.small;
  }
  return survey;
}

Result<Tensor> HalfWeights(const Initializer& initializer, int threads) {
  return Narrowed<std::uint16_t>(initializer, DataType::kFloat16, threads, kernels::ToHalf);
}

Result<Tensor> BfloatWeights(const Initializer& initializer, int threads) {
  return Narrowed<std::uint16_t>(initializer, DataType::kBfloat16, threads, kernels::ToBfloat);
}

Result<Tensor> Float8Weights(const Initializer& initializer, DataType type, float scale,
                             int threads) {
  QB_CHECK(type == DataType::kFloat8E4M3FN || type == DataType::kFloat8E5M2, "a float8 we write");
  const auto kernel =
      type == DataType::kFloat8E4M3FN ? kernels::ToFloat8E4M3 : kernels::ToFloat8E5M2;
  return Narrowed<std::uint8_t>(initializer, type, threads,
                                [=](std::span<const float> values, std::span<std::uint8_t> out) {
                                  kernel(values, scale, out);
                                });
}

}  // namespace quantbench

// Weights: chunks of rows over threads; results do not depend on how many there are.
#include "quantize/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "quantize/kernels.h"

namespace quantbench {
namespace {

constexpr std::int64_t kChunkElements = 1 << 18;

// Weights as a matrix whose rows are quantized one by one.
struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  [[nodiscard]] std::int64_t RowsPerChunk() const {
    return std::max<std::int64_t>(1, kChunkElements / std::max<std::int64_t>(1, columns));
  }
};

// One scale for all: rows are stretches of one long vector. Else rows are those of the first axis.
Matrix MatrixOf(const Initializer& initializer, Channels channels) {
  const std::int64_t elements = Elements(initializer);
  if (channels == Channels::kNone) return {elements, 1};
  const std::int64_t rows = initializer.dims.empty() ? 1 : initializer.dims[0];
  return {rows, rows == 0 ? 0 : elements / rows};
}

template <typename T>
std::span<T> Slice(std::span<T> values, std::int64_t begin, std::int64_t end) {
  return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::vector<float> ColumnMaxima(std::span<const float> values, const Matrix& matrix, int threads) {
  const std::int64_t grain = matrix.RowsPerChunk();
  const std::int64_t chunks = (matrix.rows + grain - 1) / grain;
  const auto columns = static_cast<std::size_t>(matrix.columns);
  std::vector<std::vector<float>> parts(static_cast<std::size_t>(chunks));
  ParallelFor(matrix.rows, grain, threads, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float>& part = parts[static_cast<std::size_t>(begin / grain)];
    part.assign(columns, 0.0F);
    for (std::int64_t row = begin; row < end; ++row) {
      kernels::AbsMaxInto(Slice(values, row * matrix.columns, (row + 1) * matrix.columns), part);
    }
  });
  std::vector<float> maxima(columns, 0.0F);
  for (const std::vector<float>& part : parts) kernels::AbsMaxInto(part, maxima);
  return maxima;
}

std::vector<float> RowMaxima(std::span<const float> values, const Matrix& matrix, int threads) {
  std::vector<float> maxima(static_cast<std::size_t>(matrix.rows));
  ParallelFor(
      matrix.rows, matrix.RowsPerChunk(), threads, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          maxima[static_cast<std::size_t>(row)] =
              kernels::AbsMax(Slice(values, row * matrix.columns, (row + 1) * matrix.columns));
        }
      });
  return maxima;
}

std::vector<float> WholeMaximum(std::span<const float> values, int threads) {
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<float> parts(static_cast<std::size_t>((count + kChunkElements - 1) / kChunkElements));
  ParallelFor(count, kChunkElements, threads, [&](std::int64_t begin, std::int64_t end) {
    parts[static_cast<std::size_t>(begin / kChunkElements)] =
        kernels::AbsMax(Slice(values, begin, end));
  });
  return {kernels::AbsMax(parts)};
}

void QuantizeRows(std::span<const float> values, std::span<const float> scales, Channels channels,
                  const Matrix& matrix, std::span<std::int8_t> codes, int threads) {
  const std::int64_t columns = matrix.columns;
  ParallelFor(
      matrix.rows, matrix.RowsPerChunk(), threads, [&](std::int64_t begin, std::int64_t end) {
        if (channels == Channels::kNone) {
          kernels::QuantizeRow(Slice(values, begin, end), scales[0], Slice(codes, begin, end));
          return;
        }
        for (std::int64_t row = begin; row < end; ++row) {
          const auto from = Slice(values, row * columns, (row + 1) * columns);
          const auto to = Slice(codes, row * columns, (row + 1) * columns);
          if (channels == Channels::kRows) {
            kernels::QuantizeRow(from, scales[static_cast<std::size_t>(row)], to);
          } else {
            kernels::QuantizeRowByColumn(from, scales, to);
          }
        }
      });
}

// Square tiles, so that both sides stay in the cache.
std::vector<std::byte> Transposed(std::span<const std::byte> codes, std::int64_t rows,
                                  std::int64_t columns, int threads) {
  constexpr std::int64_t kTile = 64;
  std::vector<std::byte> result(codes.size());
  ParallelFor(rows, kTile, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t left = 0; left < columns; left += kTile) {
      const std::int64_t right = std::min(columns, left + kTile);
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t column = left; column < right; ++column) {
          result[static_cast<std::size_t>(column * rows + row)] =
              codes[static_cast<std::size_t>(row * columns + column)];
        }
      }
    }
  });
  return result;
}

}  // namespace

std::int64_t Elements(const Initializer& initializer) {
  const auto count = ElementCount(initializer.dims);
  return count.ok() ? count.value() : 0;
}

bool IsFloatWeights(const Initializer& initializer) {
  return initializer.type == DataType::kFloat32 && Elements(initializer) >= kMinWeightElements;
}

Result<FloatValues> FloatValues::Of(const Model& model, const Initializer& initializer) {
  QB_CHECK(initializer.type == DataType::kFloat32, "weights are float32");
  FloatValues result;
  QB_TRY(result.bytes_, PayloadOf(initializer));
  const std::span<const std::byte> view = result.bytes_.view;
  const std::size_t count = view.size() / sizeof(float);
  if (reinterpret_cast<std::uintptr_t>(view.data()) % alignof(float) == 0) {
    result.values_ = {reinterpret_cast<const float*>(view.data()), count};
  } else {
    result.aligned_.resize(count);
    std::memcpy(result.aligned_.data(), view.data(), view.size());
    result.values_ = result.aligned_;
  }
  const auto remember = [&](const std::shared_ptr<const MappedFile>& file) {
    if (file == nullptr || file->bytes().empty()) return;
    const std::byte* begin = file->bytes().data();
    const std::byte* end = begin + file->bytes().size();
    for (const std::span<const std::byte> part : {view, initializer.origin.view}) {
      if (part.data() >= begin && part.data() < end) result.mapped_.emplace_back(file, part);
    }
  };
  remember(model.file);
  for (const auto& [location, file] : model.external_files) remember(file);
  return result;
}

FloatValues::~FloatValues() {
  for (const auto& [file, part] : mapped_) file->Release(part);
}

float LargestMagnitude(std::span<const float> values) {
  return WholeMaximum(values, 0)[0];
}

Result<std::vector<float>> ChannelMaxima(const Model& model, const Initializer& initializer,
                                         Channels channels, int threads) {
  QB_TRY(const FloatValues weights, FloatValues::Of(model, initializer));
  const Matrix matrix = MatrixOf(initializer, channels);
  std::vector<float> maxima;
  switch (channels) {
    case Channels::kNone: maxima = WholeMaximum(weights.values(), threads); break;
    case Channels::kRows: maxima = RowMaxima(weights.values(), matrix, threads); break;
    case Channels::kColumns: maxima = ColumnMaxima(weights.values(), matrix, threads); break;
  }
  for (const float maximum : maxima) {
    if (std::isfinite(maximum)) continue;
    return Error(ErrorCode::kMalformed,
                 Format("initializer \"{}\" holds {}: such weights cannot be quantized",
                        Printable(initializer.name), std::isnan(maximum) ? "NaN" : "infinity"));
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

Result<Tensor> QuantizeWeights(const Model& model, const Initializer& initializer,
                               std::span<const float> scales, const CodeLayout& layout,
                               int threads) {
  QB_TRY(const FloatValues weights, FloatValues::Of(model, initializer));
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kInt8, initializer.dims));
  const Matrix matrix = MatrixOf(initializer, layout.channels);
  QuantizeRows(weights.values(), scales, layout.channels, matrix, tensor.As<std::int8_t>(),
               threads);
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

Result<Tensor> HalfWeights(const Model& model, const Initializer& initializer, int threads) {
  QB_TRY(const FloatValues weights, FloatValues::Of(model, initializer));
  QB_TRY(Tensor tensor, Tensor::Make(DataType::kFloat16, initializer.dims));
  const std::span<std::uint16_t> halves = tensor.As<std::uint16_t>();
  ParallelFor(static_cast<std::int64_t>(halves.size()), kChunkElements, threads,
              [&](std::int64_t begin, std::int64_t end) {
                kernels::ToHalf(Slice(weights.values(), begin, end), Slice(halves, begin, end));
              });
  return tensor;
}

}  // namespace quantbench

// The roofline: the least time of operators, from what they compute and move.
#include <algorithm>
#include <limits>
#include <map>

#include "quantbench/device.h"

namespace quantbench {
namespace {

bool EndsWith(const OperatorWork& op, std::string_view type) {
  return std::string_view(op.op_type).ends_with(type);
}

// Places the operators of one model.
class Placer {
 public:
  Placer(const ModelWork& work, const DevicePeaks& peaks, int threads, Fusing fusing)
      : peaks_(peaks),
        threads_(threads),
        is_best_(fusing == Fusing::kBest),
        float32_(peaks.Fastest(PeakKind::kFloat32, threads)),
        int8_(peaks.Fastest(PeakKind::kInt8, threads)) {
    std::int64_t weights = 0;
    for (const OperatorWork& op : work.operators) weights += WeightBytes(op);
    weights_level_ = peaks.LevelOf(static_cast<std::uint64_t>(weights));
  }

  [[nodiscard]] PlacedOperator Place(const OperatorWork& op) const {
    PlacedOperator placed;
    placed.name = op.name;
    placed.op_type = op.op_type;
    if (is_best_ && IsPartOfNeighbours(op)) return placed;
    placed.integer = op.integer || EndsWith(op, "MatMulNBits");
    placed.operations = op.work.flops();
    const Peak* arithmetic = placed.integer && int8_ != nullptr ? int8_ : float32_;
    if (arithmetic != nullptr) {
      placed.compute_s =
          static_cast<double>(placed.operations) / peaks_.PerSecond(*arithmetic, threads_);
      placed.roof = Name(arithmetic->kind);
    }
    if (is_best_ && op.work.macs == 0) return placed;
    const std::int64_t weights = WeightBytes(op);
    const std::int64_t others = Bytes(op) - weights;
    placed.bytes = Bytes(op);
    const Peak* level = peaks_.LevelOf(static_cast<std::uint64_t>(others));
    if (level == nullptr) return placed;
    const double weights_s =
        static_cast<double>(weights) / peaks_.PerSecond(*weights_level_, threads_);
    const double others_s = static_cast<double>(others) / peaks_.PerSecond(*level, threads_);
    placed.transfer_s = weights_s + others_s;
    if (placed.transfer_s > placed.compute_s) {
      placed.roof = weights_s > others_s ? weights_level_->name : level->name;
    }
    return placed;
  }

 private:
  // Of a pattern that engines fuse, tensors that are codes when it runs.
  [[nodiscard]] std::int64_t Shrunk(const OperatorWork& op, std::int64_t bytes) const {
    constexpr std::int64_t kFloatBytes = 4;
    return is_best_ && op.decoded ? bytes / kFloatBytes : bytes;
  }
  [[nodiscard]] std::int64_t WeightBytes(const OperatorWork& op) const {
    if (is_best_ && op.work.macs == 0) return 0;
    return Shrunk(op, std::min(op.weight_bytes, op.work.bytes()));
  }
  [[nodiscard]] std::int64_t Bytes(const OperatorWork& op) const {
    return Shrunk(op, op.work.bytes());
  }
  static bool IsPartOfNeighbours(const OperatorWork& op) {
    return op.op_type == "QuantizeLinear" || op.op_type == "DequantizeLinear";
  }

  const DevicePeaks& peaks_;
  int threads_;
  bool is_best_;
  const Peak* float32_;
  const Peak* int8_;
  const Peak* weights_level_ = nullptr;
};

}  // namespace

double PlacedOperator::intensity() const {
  if (bytes == 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(operations) / static_cast<double>(bytes);
}

Json PlacedModel::ToJson() const {
  return Json::MakeObject().Set("least_ns", least_s * 1e9).Set("roof", roof);
}

PlacedModel PlaceModel(const ModelWork& work, const DevicePeaks& peaks, int threads,
                       Fusing fusing) {
  const Placer placer(work, peaks, threads, fusing);
  PlacedModel model;
  std::map<std::string, double> shares;
  for (const OperatorWork& op : work.operators) {
    PlacedOperator placed = placer.Place(op);
    if (placed.least_s() <= 0) continue;
    model.least_s += placed.least_s();
    shares[placed.roof] += placed.least_s();
    model.operators.push_back(std::move(placed));
  }
  double most = 0;
  for (const auto& [roof, seconds] : shares) {
    if (seconds <= most) continue;
    most = seconds;
    model.roof = roof;
  }
  return model;
}

double SpeedupBound(const PlacedModel& original, const PlacedModel& quantized) {
  if (original.least_s <= 0 || quantized.least_s <= 0) return 0;
  return original.least_s / quantized.least_s;
}

}  // namespace quantbench

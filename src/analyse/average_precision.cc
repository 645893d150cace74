// Average precision of detections.
#include "analyse/average_precision.h"

#include <algorithm>
#include <map>

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr int kRecalls = 101;

double OverlapOf(const Box& found, const Box& truth) {
  const double width = std::min(found.left + found.width, truth.left + truth.width) -
                       std::max(found.left, truth.left);
  const double height =
      std::min(found.top + found.height, truth.top + truth.height) - std::max(found.top, truth.top);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  const double own = found.width * found.height;
  return truth.crowd ? both / own : both / (own + truth.width * truth.height - both);
}

enum class Match : std::uint8_t { kFalse, kTrue, kIgnored };

// A detection of one class and how it fared.
struct Judged {
  double score = 0;
  std::size_t sample = 0;
  Match match = Match::kFalse;
};

// One class at one overlap.
struct Curve {
  std::vector<Judged> detections;              // best first
  std::map<std::size_t, double> truth_counts;  // objects, crowds apart, by sample
};

// The free object that a detection overlaps most, `overlap` at least; objects.size(): none. A crowd
// may be taken many times, but only where nothing else matches.
std::size_t BestObject(const Box& found, const std::vector<const Box*>& objects,
                       const std::vector<bool>& taken, double overlap) {
  std::size_t best = objects.size();
  double most = overlap;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (taken[i] && !objects[i]->crowd) continue;
    if (best < objects.size() && !objects[best]->crowd && objects[i]->crowd) continue;
    const double here = OverlapOf(found, *objects[i]);
    const bool better =
        here >= most || (here >= overlap && objects[best]->crowd && !objects[i]->crowd);
    if (!better) continue;
    best = i;
    most = here;
  }
  return best;
}

// Matches one image's detections of a class, best first.
void MatchImage(const std::vector<const Detection*>& detections,
                const std::vector<const Box*>& objects, double overlap, std::size_t sample,
                std::vector<Judged>* judged) {
  std::vector<bool> taken(objects.size());
  for (const Detection* detection : detections) {
    const std::size_t best = BestObject(detection->box, objects, taken, overlap);
    Match match = Match::kFalse;
    if (best < objects.size()) {
      taken[best] = true;
      match = objects[best]->crowd ? Match::kIgnored : Match::kTrue;
    }
    judged->push_back({detection->score, sample, match});
  }
}

std::map<std::int32_t, Curve> CurvesAt(const Predictions& predictions, double overlap) {
  std::map<std::int32_t, Curve> curves;
  for (std::size_t s = 0; s < predictions.objects.size(); ++s) {
    std::map<std::int32_t, std::vector<const Box*>> objects;
    std::map<std::int32_t, std::vector<const Detection*>> detections;
    for (const Box& box : predictions.objects[s]) {
      objects[box.label].push_back(&box);
      if (!box.crowd) curves[box.label].truth_counts[s] += 1;
    }
    for (const Detection& detection : predictions.detections[s]) {
      detections[detection.box.label].push_back(&detection);
    }
    for (const auto& [label, found] : detections) {
      MatchImage(found, objects[label], overlap, s, &curves[label].detections);
    }
  }
  std::erase_if(curves, [](const auto& curve) { return curve.second.truth_counts.empty(); });
  for (auto& [label, curve] : curves) {
    std::stable_sort(curve.detections.begin(), curve.detections.end(),
                     [](const Judged& a, const Judged& b) { return a.score > b.score; });
  }
  return curves;
}

class PrecisionScorer final : public Scorer {
 public:
  PrecisionScorer(const Predictions& predictions, int overlaps) {
    for (int i = 0; i < overlaps; ++i) {
      for (auto& [label, curve] : CurvesAt(predictions, 0.5 + 0.05 * i)) {
        curves_.push_back(std::move(curve));
      }
    }
  }

  [[nodiscard]] double Value(std::span<const double> weights) const override {
    double sum = 0;
    double counted = 0;
    for (const Curve& curve : curves_) {
      double objects = 0;
      for (const auto& [sample, count] : curve.truth_counts) {
        objects += count * (weights.empty() ? 1 : weights[sample]);
      }
      if (objects <= 0) continue;
      sum += Precision(curve, objects, weights);
      ++counted;
    }
    return counted > 0 ? sum / counted : kNaN;
  }

 private:
  // Mean over the recalls of the best precision at that recall or beyond.
  static double Precision(const Curve& curve, double objects, std::span<const double> weights) {
    std::vector<double> precisions;
    std::vector<double> recalls;
    double right = 0;
    double all = 0;
    for (const Judged& judged : curve.detections) {
      const double weight = weights.empty() ? 1 : weights[judged.sample];
      if (judged.match == Match::kIgnored || weight <= 0) continue;
      all += weight;
      if (judged.match == Match::kTrue) right += weight;
      precisions.push_back(right / all);
      recalls.push_back(right / objects);
    }
    for (std::size_t i = precisions.size(); i-- > 1;) {
      precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
    }
    double sum = 0;
    for (int r = 0; r < kRecalls; ++r) {
      const double recall = r / static_cast<double>(kRecalls - 1);
      const auto at = std::lower_bound(recalls.begin(), recalls.end(), recall - 1e-12);
      if (at != recalls.end()) sum += precisions[static_cast<std::size_t>(at - recalls.begin())];
    }
    return sum / kRecalls;
  }

  std::vector<Curve> curves_;
};

}  // namespace

std::unique_ptr<Scorer> MakePrecisionScorer(const Predictions& predictions, int overlaps) {
  return std::make_unique<PrecisionScorer>(predictions, overlaps);
}

}  // namespace quantbench

// Sequence alignment of layers.
#include "explain/pair.h"

#include <algorithm>
#include <cmath>

namespace quantbench {
namespace {

constexpr std::size_t kMostNeighbours = 4;
constexpr std::size_t kMostLayers = 3000;

// One step of the alignment: how many layers of each side it takes.
struct Step {
  std::uint8_t original = 0;
  std::uint8_t quantized = 0;
};

// How much of two names is the same from the front: 0 to 1.
double Likeness(const std::string& a, const std::string& b) {
  const std::size_t longest = std::max(a.size(), b.size());
  if (longest == 0) return 0;
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<double>(ends.first - a.begin()) / static_cast<double>(longest);
}

class Aligner {
 public:
  Aligner(std::span<const LayerKey> original, std::span<const LayerKey> quantized)
      : original_(original), quantized_(quantized), width_(quantized.size() + 1) {
    scores_.assign((original.size() + 1) * width_, 0);
    steps_.resize(scores_.size());
  }

  std::vector<PairedLayer> Align() {
    for (std::size_t i = 0; i <= original_.size(); ++i) {
      for (std::size_t j = 0; j <= quantized_.size(); ++j) Fill(i, j);
    }
    std::vector<PairedLayer> pairs;
    std::size_t i = original_.size();
    std::size_t j = quantized_.size();
    while (i > 0 || j > 0) {
      const Step step = steps_[i * width_ + j];
      PairedLayer pair;
      for (std::size_t k = step.original; k > 0; --k) pair.original.push_back(i - k);
      for (std::size_t k = step.quantized; k > 0; --k) pair.quantized.push_back(j - k);
      pairs.push_back(std::move(pair));
      i -= step.original;
      j -= step.quantized;
    }
    std::reverse(pairs.begin(), pairs.end());
    return pairs;
  }

 private:
  void Fill(std::size_t i, std::size_t j) {
    if (i > 0) Offer(i, j, {1, 0}, 0);
    if (j > 0) Offer(i, j, {0, 1}, 0);
    if (i == 0 || j == 0) return;
    Offer(i, j, {1, 1}, Gain(i, 1, j, 1));
    for (std::size_t several = 2; several <= kMostNeighbours; ++several) {
      const auto count = static_cast<std::uint8_t>(several);
      if (i >= several) Offer(i, j, {count, 1}, Gain(i, several, j, 1));
      if (j >= several) Offer(i, j, {1, count}, Gain(i, 1, j, several));
    }
  }

  void Offer(std::size_t i, std::size_t j, Step step, double gain) {
    if (gain < 0) return;
    const double score = scores_[(i - step.original) * width_ + (j - step.quantized)] + gain;
    const std::size_t place = i * width_ + j;
    const bool is_first = steps_[place].original == 0 && steps_[place].quantized == 0;
    if (!is_first && score <= scores_[place]) return;
    scores_[place] = score;
    steps_[place] = step;
  }

  // Of pairing those before i with those before j; negative: they do not fit. Every pair counts a
  // little, so that small layers are paired too.
  [[nodiscard]] double Gain(std::size_t i, std::size_t of_original, std::size_t j,
                            std::size_t of_quantized) const {
    double a = 0;
    double b = 0;
    for (std::size_t k = 1; k <= of_original; ++k) a += static_cast<double>(original_[i - k].macs);
    for (std::size_t k = 1; k <= of_quantized; ++k)
      b += static_cast<double>(quantized_[j - k].macs);
    if (a <= 0 || b <= 0 || std::fabs(a - b) > std::max(a, b) / 4) return -1;
    const bool single = of_original == 1 && of_quantized == 1;
    const double named = single ? Likeness(original_[i - 1].name, quantized_[j - 1].name) : 0;
    const bool exact = a == b;
    return std::log2(a + 2) * (1 + named / 2 + (exact ? 0.25 : 0) + (single ? 0.125 : 0));
  }

  std::span<const LayerKey> original_;
  std::span<const LayerKey> quantized_;
  std::size_t width_;
  std::vector<double> scores_;
  std::vector<Step> steps_;
};

// Branches of a graph may run in another order in the other model: what is left alone on both sides
// is paired where it multiplies as much, the likest names first.
void PairLeftovers(std::span<const LayerKey> original, std::span<const LayerKey> quantized,
                   std::vector<PairedLayer>* pairs) {
  for (PairedLayer& alone : *pairs) {
    if (!alone.original.empty() || alone.quantized.size() != 1) continue;
    const LayerKey& wanted = quantized[alone.quantized.front()];
    PairedLayer* best = nullptr;
    double likest = -1;
    for (PairedLayer& other : *pairs) {
      if (!other.quantized.empty() || other.original.size() != 1) continue;
      const LayerKey& offered = original[other.original.front()];
      const double likeness = Likeness(offered.name, wanted.name);
      if (offered.macs != wanted.macs || likeness <= likest) continue;
      likest = likeness;
      best = &other;
    }
    if (best != nullptr) std::swap(alone.original, best->original);
  }
  std::erase_if(*pairs, [](const PairedLayer& pair) {
    return pair.original.empty() && pair.quantized.empty();
  });
}

}  // namespace

std::vector<PairedLayer> PairLayers(std::span<const LayerKey> original,
                                    std::span<const LayerKey> quantized) {
  if (original.size() <= kMostLayers && quantized.size() <= kMostLayers) {
    std::vector<PairedLayer> pairs = Aligner(original, quantized).Align();
    PairLeftovers(original, quantized, &pairs);
    return pairs;
  }
  std::vector<PairedLayer> alone;
  for (std::size_t i = 0; i < quantized.size(); ++i) alone.push_back({{}, {i}});
  return alone;
}

}  // namespace quantbench

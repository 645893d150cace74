// Detections: the heads of detectors, and non-maximum suppression.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

#include "measure/answers.h"

namespace quantbench {
namespace {

constexpr std::size_t kMostDetections = 100;  // an image, as COCO's evaluation counts

double Overlap(const Box& a, const Box& b) {
  const double width = std::min(a.left + a.width, b.left + b.width) - std::max(a.left, b.left);
  const double height = std::min(a.top + a.height, b.top + b.height) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const double both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

// Best first; a detection that overlaps a better one of its class by more than `iou` goes.
void Suppress(double iou, std::vector<Detection>* detections) {
  std::stable_sort(detections->begin(), detections->end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::vector<Detection> kept;
  for (const Detection& candidate : *detections) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
      return better.box.label == candidate.box.label && Overlap(better.box, candidate.box) > iou;
    });
    if (!covered) kept.push_back(candidate);
    if (kept.size() == kMostDetections) break;
  }
  *detections = std::move(kept);
}

double Sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

Error WrongHead(const NamedTensor& output, std::string_view head, std::string_view wanted) {
  return {ErrorCode::kUnsupported,
          Format("output \"{}\" of shape {} is not that of head {}: {}", Printable(output.name),
                 ToString(output.tensor.shape), head, wanted)};
}

// The values of one sample of an output [batch, a, b...].
struct Plane {
  const double* values = nullptr;
  std::size_t places = 0;  // channel c of place p stands at c * places + p
  [[nodiscard]] double At(std::size_t channel, std::size_t place) const {
    return values[channel * places + place];
  }
};

// The best class of a place, its channels beginning at `first`.
std::pair<std::int32_t, double> BestClass(const Plane& plane, std::size_t first,
                                          std::size_t classes, std::size_t place) {
  std::pair<std::int32_t, double> best = {0, plane.At(first, place)};
  for (std::size_t c = 1; c < classes; ++c) {
    const double score = plane.At(first + c, place);
    if (score > best.second) best = {static_cast<std::int32_t>(c), score};
  }
  return best;
}

// [batch, 5 + classes, rows, columns]: objectness, x and y offsets (tanh), width and height
// (sigmoid), class probabilities; score = objectness^0.6 * class^0.4.
// [dog-qiuqiu/FastestDet, module/detector.py and example/onnx-runtime]
std::vector<Detection> ReadFastestDet(const Plane& plane, std::size_t classes, std::size_t columns,
                                      double least) {
  std::vector<Detection> found;
  const std::size_t rows = plane.places / columns;
  for (std::size_t place = 0; place < plane.places; ++place) {
    const auto [label, probability] = BestClass(plane, 5, classes, place);
    const double score = std::pow(std::max(0.0, plane.At(0, place)), 0.6) *
                         std::pow(std::max(0.0, probability), 0.4);
    if (!(score >= least)) continue;
    const double width = Sigmoid(plane.At(3, place));
    const double height = Sigmoid(plane.At(4, place));
    const std::size_t column = place % columns;
    const std::size_t row = place / columns;
    const double x = (static_cast<double>(column) + std::tanh(plane.At(1, place))) /
                     static_cast<double>(columns);
    const double y =
        (static_cast<double>(row) + std::tanh(plane.At(2, place))) / static_cast<double>(rows);
    found.push_back({{label, x - width / 2, y - height / 2, width, height, false}, score});
  }
  return found;
}

// [batch, 4 + classes, places]: centre, width and height in pixels of the input, class
// probabilities.   [ultralytics YOLOv8, exported models]
std::vector<Detection> ReadYolo8(const Plane& plane, std::size_t classes,
                                 const AnsweredBatch& batch, double least) {
  std::vector<Detection> found;
  for (std::size_t place = 0; place < plane.places; ++place) {
    const auto [label, score] = BestClass(plane, 4, classes, place);
    if (!(score >= least)) continue;
    const double width = plane.At(2, place) / batch.input_width;
    const double height = plane.At(3, place) / batch.input_height;
    found.push_back({{label, plane.At(0, place) / batch.input_width - width / 2,
                      plane.At(1, place) / batch.input_height - height / 2, width, height, false},
                     score});
  }
  return found;
}

bool OutputHas(const NamedTensor& output, std::string_view part) {
  return output.name.find(part) != std::string::npos;
}

// Three outputs by name: boxes (left, top, right, bottom; in pixels of the input when one is above
// 2), labels and scores, of one image.
Result<std::vector<Detection>> ReadBoxOutputs(const AnsweredBatch& batch, double least) {
  std::vector<double> boxes;
  std::vector<double> labels;
  std::vector<double> scores;
  for (const NamedTensor& output : *batch.outputs) {
    std::vector<double>* into = OutputHas(output, "box")     ? &boxes
                                : OutputHas(output, "score") ? &scores
                                : OutputHas(output, "label") || OutputHas(output, "class")
                                    ? &labels
                                    : nullptr;
    if (into == nullptr) continue;
    QB_TRY(*into, ToDoubles(output.tensor));
  }
  if (batch.samples->size() != 1 || boxes.size() != 4 * scores.size() ||
      labels.size() != scores.size()) {
    return Error(ErrorCode::kUnsupported,
                 "head boxes needs outputs named boxes, labels and scores, of one image");
  }
  const bool pixels = std::any_of(boxes.begin(), boxes.end(), [](double v) { return v > 2; });
  const double width = pixels ? batch.input_width : 1;
  const double height = pixels ? batch.input_height : 1;
  std::vector<Detection> found;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!(scores[i] >= least)) continue;
    const double* corner = boxes.data() + 4 * i;
    found.push_back({{static_cast<std::int32_t>(labels[i]), corner[0] / width, corner[1] / height,
                      (corner[2] - corner[0]) / width, (corner[3] - corner[1]) / height, false},
                     scores[i]});
  }
  return found;
}

Result<std::vector<Detection>> ReadGrid(const AnsweredBatch& batch, std::size_t sample,
                                        const std::vector<double>& values,
                                        const AnswerOptions& options) {
  const NamedTensor& output = batch.outputs->front();
  const Shape& shape = output.tensor.shape;
  const bool fastest = options.head == "fastestdet";
  const std::size_t rank = fastest ? 4 : 3;
  const std::int64_t fixed = fastest ? 5 : 4;
  if (shape.size() != rank || shape[1] <= fixed || shape.back() < 1) {
    return WrongHead(
        output, options.head,
        fastest ? "[batch, 5 + classes, rows, columns]" : "[batch, 4 + classes, places]");
  }
  const auto channels = static_cast<std::size_t>(shape[1]);
  const std::size_t size = values.size() / batch.samples->size();
  const Plane plane{values.data() + sample * size, size / channels};
  const std::size_t classes = channels - static_cast<std::size_t>(fixed);
  if (!fastest) return ReadYolo8(plane, classes, batch, options.score);
  return ReadFastestDet(plane, classes, static_cast<std::size_t>(shape.back()), options.score);
}

}  // namespace

Result<std::vector<std::vector<Detection>>> ReadDetections(const AnsweredBatch& batch,
                                                           const AnswerOptions& options) {
  std::vector<std::vector<Detection>> all;
  if (options.head == "boxes") {
    QB_TRY(std::vector<Detection> found, ReadBoxOutputs(batch, options.score));
    Suppress(options.iou, &found);
    all.push_back(std::move(found));
    return all;
  }
  if (options.head != "fastestdet" && options.head != "yolov8") {
    return Error(
        ErrorCode::kInvalidArgument,
        Format("a detector needs `answer = {{ head = ... }}`: fastestdet, yolov8 or boxes, "
               "not \"{}\"",
               Printable(options.head)));
  }
  QB_TRY(const std::vector<double> values, ToDoubles(batch.outputs->front().tensor));
  for (std::size_t i = 0; i < batch.samples->size(); ++i) {
    QB_TRY(std::vector<Detection> found, ReadGrid(batch, i, values, options));
    Suppress(options.iou, &found);
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace quantbench

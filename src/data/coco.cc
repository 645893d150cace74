// Kind "coco": images of a folder with the boxes of a COCO annotation file.
// [Lin et al. 2014; cocodataset.org, "Data format": images, annotations with bbox in pixels
// (x, y, width, height), categories]
#include <array>
#include <cmath>
#include <map>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/file_labels.h"
#include "data/kinds.h"
#include "data/preprocess.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kMostAnnotationBytes = 1U << 30U;

struct AnnotatedImage {
  std::string file;
  double width = 0;
  double height = 0;
  std::vector<Box> boxes;
};

class CocoDataset final : public Dataset {
 public:
  CocoDataset(DataSpec spec, InputSpec input, std::vector<AnnotatedImage> images)
      : spec_(std::move(spec)), input_(std::move(input)), images_(std::move(images)) {}

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(images_.size());
  }
  [[nodiscard]] bool has_labels() const override { return true; }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return GetInSteps(index, [] {});
  }
  [[nodiscard]] Result<Sample> GetInSteps(std::int64_t index,
                                          const std::function<void()>& loaded) const override {
    const AnnotatedImage& annotated = images_[static_cast<std::size_t>(index)];
    const std::filesystem::path path = spec_.path / annotated.file;
    QB_TRY(Image image, LoadImage(path, spec_.preprocess));
    loaded();
    QB_TRY(Tensor tensor, ImageToInput(std::move(image), path.string(), spec_.preprocess, input_));
    Sample sample;
    sample.name = annotated.file;
    sample.boxes = annotated.boxes;
    sample.inputs.push_back(std::move(tensor));
    return sample;
  }

 private:
  DataSpec spec_;
  InputSpec input_;
  std::vector<AnnotatedImage> images_;
};

Error CocoError(std::string_view list, std::size_t element, std::string_view why) {
  return {ErrorCode::kMalformed, Format("{}[{}] {}", list, element, why)};
}

// Classes are the categories by rising id, as detectors are trained: COCO's ids have gaps.
Result<std::map<std::int64_t, std::int32_t>> ReadCategories(const Json& json) {
  std::map<std::int64_t, std::int32_t> classes;
  const Json::Array& list = json["categories"].AsArray();
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i]["id"].is_integer()) return CocoError("categories", i, "has no id");
    if (!classes.emplace(list[i]["id"].AsInt(), 0).second) {
      return CocoError("categories", i, Format("repeats id {}", list[i]["id"].AsInt()));
    }
  }
  std::int32_t next = 0;
  for (auto& [id, label] : classes) label = next++;
  if (classes.empty()) return Error(ErrorCode::kMalformed, "has no categories");
  return classes;
}

Result<std::vector<AnnotatedImage>> ReadImages(const Json& json,
                                               std::map<std::int64_t, std::size_t>* places) {
  std::vector<AnnotatedImage> images;
  const Json::Array& list = json["images"].AsArray();
  for (std::size_t i = 0; i < list.size(); ++i) {
    AnnotatedImage image{list[i]["file_name"].AsString(),
                         list[i]["width"].AsDouble(),
                         list[i]["height"].AsDouble(),
                         {}};
    if (!StaysInside(image.file)) {
      return CocoError("images", i,
                       Format("\"{}\" lies outside the folder", Printable(image.file)));
    }
    if (!(image.width >= 1 && image.height >= 1 && image.width < 1e6 && image.height < 1e6)) {
      return CocoError("images", i, "has no width and height in pixels");
    }
    if (!list[i]["id"].is_integer() || !places->emplace(list[i]["id"].AsInt(), i).second) {
      return CocoError("images", i, "has no id of its own");
    }
    images.push_back(std::move(image));
  }
  if (images.empty()) return Error(ErrorCode::kMalformed, "has no images");
  return images;
}

Result<Box> ReadBox(const Json& annotation, const AnnotatedImage& image, std::int32_t label,
                    std::size_t element) {
  const Json::Array& box = annotation["bbox"].AsArray();
  if (box.size() != 4) return CocoError("annotations", element, "has no bbox of four numbers");
  std::array<double, 4> side{};
  for (std::size_t i = 0; i < 4; ++i) {
    side[i] = box[i].is_number() ? box[i].AsDouble() : std::nan("");
    if (!std::isfinite(side[i])) {
      return CocoError("annotations", element, "has a bbox that is not numbers");
    }
  }
  constexpr double kSlack = 1;  // pixels by which real annotations reach over the edge
  const bool inside = side[0] >= -kSlack && side[1] >= -kSlack && side[2] >= 0 && side[3] >= 0 &&
                      side[0] + side[2] <= image.width + kSlack &&
                      side[1] + side[3] <= image.height + kSlack;
  if (!inside) return CocoError("annotations", element, "has a bbox outside its image");
  return Box{label,
             side[0] / image.width,
             side[1] / image.height,
             side[2] / image.width,
             side[3] / image.height,
             annotation["iscrowd"].AsInt() != 0};
}

Result<std::vector<AnnotatedImage>> ReadAnnotations(const Json& json) {
  QB_TRY(const auto classes, ReadCategories(json));
  std::map<std::int64_t, std::size_t> places;
  QB_TRY(std::vector<AnnotatedImage> images, ReadImages(json, &places));
  const Json::Array& list = json["annotations"].AsArray();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto place = places.find(list[i]["image_id"].AsInt(-1));
    if (place == places.end()) {
      return CocoError("annotations", i,
                       Format("is of image {}, which is not there", list[i]["image_id"].AsInt(-1)));
    }
    const auto label = classes.find(list[i]["category_id"].AsInt(-1));
    if (label == classes.end()) {
      return CocoError(
          "annotations", i,
          Format("has category {}, which is not there", list[i]["category_id"].AsInt(-1)));
    }
    AnnotatedImage& image = images[place->second];
    QB_TRY(const Box box, ReadBox(list[i], image, label->second, i));
    image.boxes.push_back(box);
  }
  return images;
}

}  // namespace

Result<std::unique_ptr<Dataset>> OpenCoco(const DataSpec& spec,
                                          const std::vector<InputSpec>& inputs) {
  if (inputs.size() != 1) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("images fill one input, the model has {}", inputs.size()));
  }
  if (spec.labels.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "kind coco needs `labels`, the annotation file (.json)");
  }
  QB_TRY(const std::string text, ReadFile(spec.labels, kMostAnnotationBytes));
  const auto json = Json::Parse(text);
  if (!json.ok()) return json.error().Within(spec.labels.string());
  auto images = ReadAnnotations(json.value());
  if (!images.ok()) return images.error().Within(spec.labels.string());
  return std::unique_ptr<Dataset>(
      std::make_unique<CocoDataset>(spec, inputs.front(), std::move(images).value()));
}

}  // namespace quantbench

// Hostile sounds, and boxes of COCO files.
#include "hostile_data.h"

namespace quantbench {
namespace hostile_sounds_test {

using testing::Hostile;
using testing::HostileData;
using testing::Little;
using testing::Picture;
using testing::Replaced;

std::string WavOf(std::uint64_t format, std::uint64_t channels, std::uint64_t rate,
                  std::uint64_t bits, const std::string& data) {
  return "RIFF" + Little(36 + data.size(), 4) + "WAVEfmt " + Little(16, 4) + Little(format, 2) +
         Little(channels, 2) + Little(rate, 4) + Little(rate * 2, 4) + Little(2, 2) +
         Little(bits, 2) + "data" + Little(data.size(), 4) + data;
}

Hostile Sound(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "audio", "d", {{"d/x.wav", bytes}}, "", "x.wav", reason};
}

Hostile Coco(const std::string& what, const std::string& images, const std::string& categories,
             const std::string& annotations, const std::string& names, const std::string& reason) {
  const std::string json = R"({"images": )" + images + R"(, "categories": )" + categories +
                           R"(, "annotations": )" + annotations + "}";
  return {what,     "coco", "d",   {{"d/a.png", Picture("wide.png")}, {"a.json", json}},
          "a.json", names,  reason};
}

std::vector<Hostile> HostileSoundsAndBoxes() {
  const std::string good = WavOf(1, 1, 16000, 16, std::string(64, 'x'));
  const std::string image = R"([{"id": 1, "file_name": "a.png", "width": 61, "height": 40}])";
  const std::string category = R"([{"id": 1}])";
  return {
      Sound("zero bytes", "", "the file is empty"),
      Sound("an MP3", "ID3\x04 and more", "not a WAV"),
      Sound("its first bytes only", good.substr(0, 20), "truncated"),
      Sound("cut in its samples", good.substr(0, 60), "truncated"),
      Sound("no samples", WavOf(1, 1, 16000, 16, ""), "no samples"),
      Sound("no format", "RIFF" + Little(12, 4) + "WAVEdata" + Little(4, 4) + "xxxx",
            "no fmt chunk"),
      Sound("no channels", WavOf(1, 0, 16000, 16, "xx"), "0 channels"),
      Sound("65535 channels", WavOf(1, 65535, 16000, 16, "xx"), "65535 channels"),
      Sound("no rate", WavOf(1, 1, 0, 16, "xx"), "0 Hz"),
      Sound("another rate", WavOf(1, 1, 44100, 16, "xxxx"), "44100 Hz"),
      Sound("compressed", WavOf(85, 1, 16000, 16, "xx"), "format 85"),
      Sound("samples of 0 bits", WavOf(1, 1, 16000, 0, "xx"), "0 bits"),
      Sound("a chunk beyond the file", Replaced(good, 40, "\xFF\xFF\xFF\xFF"), "truncated"),
      Coco("no images", "[]", category, "[]", "a.json", "has no images"),
      Coco("no categories", image, "[]", "[]", "a.json", "has no categories"),
      Coco("a category twice", image, R"([{"id": 1}, {"id": 1}])", "[]", "categories[1]",
           "repeats"),
      Coco("an image without an id", R"([{"file_name": "a.png", "width": 6, "height": 4}])",
           category, "[]", "images[0]", "id of its own"),
      Coco("an image out of the folder",
           R"([{"id": 1, "file_name": "../a.png", "width": 6, "height": 4}])", category, "[]",
           "images[0]", "outside the folder"),
      Coco("an image without a size", R"([{"id": 1, "file_name": "a.png"}])", category, "[]",
           "images[0]", "width and height"),
      Coco("a box of no image", image, category,
           R"([{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}])", "annotations[0]",
           "image 9"),
      Coco("a box of no category", image, category,
           R"([{"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]}])", "annotations[0]",
           "category 7"),
      Coco("a box of three numbers", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}])", "annotations[0]",
           "four numbers"),
      Coco("a box of words", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": ["a", 0, 1, 1]}])", "annotations[0]",
           "not numbers"),
      Coco("a box outside its image", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [50, 0, 40, 1]}])", "annotations[0]",
           "outside its image"),
      Coco("a box of negative width", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [5, 5, -4, 1]}])", "annotations[0]",
           "outside its image"),
  };
}

TEST_F(HostileData, SoundsAndBoxesAreNamedWithAReason) {
  Check(HostileSoundsAndBoxes(), 20);
}

}  // namespace hostile_sounds_test
}  // namespace quantbench

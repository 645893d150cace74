// data: samples and their truth, from files a user can make, decoded and preprocessed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/tensor.h"

namespace quantbench {

// What happens to a sample between file and model, in this order:
//   images: resize (short side, bilinear with antialias as PIL and torchvision do it), centre crop,
//   then for images and arrays: x * scale, (x - mean[c]) / std[c], layout.
// Channels are the axis of size mean.size(); a single mean or std applies to every element.
struct Preprocess {
  int resize = 0;               // short side in pixels; 0: none
  int crop = 0;                 // side of the centred square in pixels; 0: none
  std::optional<double> scale;  // default: 1/255 for image folders, 1 for arrays
  std::vector<double> mean;
  std::vector<double> std;
  std::string channels = "rgb";  // of image files: "rgb", "bgr" or "gray"
  std::string layout = "nchw";   // what the model wants of images: "nchw" or "nhwc"
  std::string stored;  // how a 3-d array sample is stored: "nhwc" is transposed to `layout`

  friend bool operator==(const Preprocess&, const Preprocess&) = default;
};

// How one model input is filled, when it is not the (only) array of the data set.
struct InputRule {
  std::string array;               // a file (.npy, .npy.gz) or the name of an array in the .npz
  std::string nonzero_of;          // 1 where that other input is not 0, else 0 (attention masks)
  std::optional<double> constant;  // every element
};

struct DataSpec {
  std::string id;
  std::string kind;                         // "image-folder", "npy", "npz", "idx", "synthetic"
  std::filesystem::path path;               // folder, or file
  std::filesystem::path labels;             // labels.csv (file,label), .npy, IDX; empty: none
  std::map<std::string, InputRule> inputs;  // by model input; empty: the one input gets the samples
  Preprocess preprocess;
  std::int64_t limit = 0;  // use only the first n samples (after shuffling); 0: all
  bool shuffle = false;
  std::uint64_t seed = 1;

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<DataSpec> FromJson(const Json& json);
};

// One value for every free dimension of every input: by dimension name, by "input:axis", batch
// apart.
using DimValues = std::map<std::string, std::int64_t>;

// What the data must fill: name, element type and shape of an input as the model states it. The
// first dimension is the batch when `batched`.
struct InputSpec {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<std::int64_t> dims;      // -1 where free
  std::vector<std::string> dim_names;  // same length; "" where fixed or anonymous
  bool batched = true;                 // the first dimension is the batch; never so for rank 0
};

struct Sample {
  std::string name;            // "cat/0001.jpg", "#17": what errors and tables call it
  std::vector<Tensor> inputs;  // one per InputSpec, without the batch dimension
  std::int64_t label = -1;     // -1: none
};

// Samples in a fixed order; reading one is independent of the others and keeps nothing.
class Dataset {
 public:
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  Dataset(Dataset&&) = delete;
  Dataset& operator=(Dataset&&) = delete;
  virtual ~Dataset() = default;

  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual bool has_labels() const = 0;
  // kMalformed names the sample: "data/x.jpg: corrupt JPEG: ...".
  [[nodiscard]] virtual Result<Sample> Get(std::int64_t index) const = 0;
};

// Opens what the spec names and checks it against the model's inputs (types are converted: integers
// to the model's integer type when they fit, anything to float). Errors name file, element, reason.
[[nodiscard]] Result<std::unique_ptr<Dataset>> OpenDataset(const DataSpec& spec,
                                                           const std::vector<InputSpec>& inputs);

// Seeded samples without files: floats standard normal; integers that look like token ids (an
// int64/int32 input of rank 2 whose name has "id" or "token") uniform in [0, vocabulary); masks
// (name has "mask") ones; "type" or "segment" ids zeros; other integers zeros; bool true. Free
// dimensions take `dims`, else 32 for sequence-like names, else 1 for the batch axis, else 16;
// every choice made is listed in `notes`.
struct SyntheticSpec {
  DimValues dims;
  std::int64_t samples = 16;
  std::int64_t vocabulary = 1000;
  std::uint64_t seed = 1;
  std::map<std::string, double> constants;  // by input: every element
};
[[nodiscard]] Result<std::unique_ptr<Dataset>> MakeSynthetic(const SyntheticSpec& spec,
                                                             const std::vector<InputSpec>& inputs,
                                                             std::vector<std::string>* notes);

// Samples `indices` stacked along a new first axis, one tensor per input; an input whose first
// dimension is not a batch (rank 0, or `batched` false for it) takes the first sample's value.
// Samples of different shapes in one batch: kInvalidArgument.
[[nodiscard]] Result<std::vector<Tensor>> MakeBatch(const Dataset& dataset,
                                                    const std::vector<std::int64_t>& indices,
                                                    const std::vector<InputSpec>& inputs);

// A whole .npy array (version 1 to 3, C or Fortran order, little- or big-endian numbers and bool,
// optionally gzip-compressed). Object arrays (pickle) are refused, never evaluated.
[[nodiscard]] Result<Tensor> ReadNpy(const std::filesystem::path& path);
// A member of an .npz (stored or deflated), with a limit on the inflated size.
[[nodiscard]] Result<Tensor> ReadNpz(const std::filesystem::path& path, std::string_view member);

// An 8-bit RGB or gray image, row-major, interleaved.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 3;
  std::vector<std::uint8_t> pixels;
};
// JPEG or PNG by content, not by name; at most 64 Mpixel, checked before allocation. CMYK, 16-bit
// and palette images are converted as PIL's convert("RGB") does.
[[nodiscard]] Result<Image> DecodeImage(std::string_view bytes, std::string_view name,
                                        int channels);
// PIL's resize with BILINEAR (support scaled by the reduction, 8-bit fixed-point coefficients).
[[nodiscard]] Image ResizeBilinear(const Image& image, int width, int height);

}  // namespace quantbench

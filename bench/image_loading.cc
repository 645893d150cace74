// How many images a second come from files to model input: decode, resize, crop, normalize.
//   image_loading FOLDER RESIZE CROP THREADS ROUNDS
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "quantbench/data.h"

namespace {

using quantbench::Dataset;
using quantbench::DataSpec;
using quantbench::InputSpec;
using quantbench::Loader;

// Images a second of one pass over the data set; negative when one cannot be read.
double Pass(const Dataset& dataset, int threads) {
  const auto start = std::chrono::steady_clock::now();
  Loader loader(dataset, {0, dataset.size(), 32, false, threads});
  for (;;) {
    const auto samples = loader.Next(32);
    if (!samples.ok()) {
      std::fprintf(stderr, "%s\n", samples.error().message().c_str());
      return -1;
    }
    if (samples.value().empty()) break;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(dataset.size()) / seconds.count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: image_loading FOLDER RESIZE CROP THREADS ROUNDS\n");
    return 2;
  }
  DataSpec spec;
  spec.id = "images";
  spec.kind = "image-folder";
  spec.path = argv[1];
  spec.preprocess.resize = std::atoi(argv[2]);
  spec.preprocess.crop = std::atoi(argv[3]);
  spec.preprocess.mean = {0.485, 0.456, 0.406};
  spec.preprocess.std = {0.229, 0.224, 0.225};
  const InputSpec input{
      "x", quantbench::DataType::kFloat32, {-1, 3, -1, -1}, {"", "", "", ""}, true};
  const auto dataset = quantbench::OpenDataset(spec, {input});
  if (!dataset.ok()) {
    std::fprintf(stderr, "%s\n", dataset.error().message().c_str());
    return 5;
  }
  quantbench::KeepFreedMemory();  // as a worker that evaluates does
  std::printf("[");
  for (int round = 0; round < std::atoi(argv[5]); ++round) {
    const double speed = Pass(*dataset.value(), std::atoi(argv[4]));
    if (speed < 0) return 5;
    std::printf("%s%.1f", round == 0 ? "" : ", ", speed);
    std::fflush(stdout);
  }
  std::printf("]\n");
  return 0;
}

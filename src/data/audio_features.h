// Audio features: spectra on the mel scale and their cepstra.
#pragma once

#include <span>
#include <vector>

#include "quantbench/data.h"

namespace quantbench {

// Frame f holds samples f * hop to f * hop + window - 1, times a periodic Hann window; its power
// spectrum |DFT|^2 goes through `mels` triangles whose corners are equally spaced on the mel scale
// mel(f) = 2595 log10(1 + f / 700) [O'Shaughnessy 1987; HTK book 5.6], peak 1; then the logarithm
// of max(energy, floor) ("decibel": 10 log10). "mfcc": the first coefficients of the orthonormal
// DCT-II over the filters [Davis, Mermelstein 1980]. The result is [frames][mels or coefficients];
// empty when there is less than a window.
std::vector<std::vector<float>> FeaturesOf(std::span<const float> samples,
                                           const AudioOptions& options);

// Whether the options can be computed: kInvalidArgument says what is not sound.
Status CheckFeatures(const AudioOptions& options);

}  // namespace quantbench

// Findings about denormal numbers.
#include "analyse/denormals.h"

#include <set>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using Level = Finding::Level;

constexpr double kManyDenormals = 0.001;  // of the values

double DenormalShare(const DenormalCount& count) {
  return count.values > 0 ? static_cast<double>(count.denormals) / static_cast<double>(count.values)
                          : 0;
}

void Weights(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const ArmSize& size : analysis.sizes) {
    const auto floats = size.size.by_type.find(std::string(Name(DataType::kFloat32)));
    if (floats == size.size.by_type.end() || floats->second.elements <= 0) continue;
    const double share =
        static_cast<double>(size.size.denormals) / static_cast<double>(floats->second.elements);
    if (share < kManyDenormals) continue;
    findings->push_back(
        {Level::kWarning,
         Format("{} {}: {} of its float32 weights ({:.2g} %) are denormal, below 1.2e-38: many "
                "processors compute with these slowly, so its times say less about its work than "
                "about them; set them to zero before comparing",
                size.model, size.arm, size.size.denormals, share * 100)});
  }
}

// What flows through the original, told once a model.
void Activations(const Analysis& analysis, std::set<std::string>* told,
                 std::vector<Finding>* findings) {
  for (const QuantizeResult& row : analysis.quantized) {
    const DenormalCount& seen = row.activations;
    if (DenormalShare(seen) < kManyDenormals || !told->insert(row.model).second) continue;
    findings->push_back(
        {Level::kWarning,
         Format(
             "{} original: {:.2g} % of the values that flow through it (of {} while calibrating "
             "{}) are denormal, below 1.2e-38, most of all in \"{}\" ({:.2g} %): many processors "
             "compute with these slowly, so its times depend on the input; values that fade to "
             "nothing can be set to zero",
             row.model, 100 * DenormalShare(seen), seen.values, row.variant,
             Printable(seen.tensor, 80), 100 * seen.share)});
  }
}

void Outputs(const Analysis& analysis, const std::set<std::string>& told,
             std::vector<Finding>* findings) {
  for (const QuantizeResult& row : analysis.quantized) {
    if (DenormalShare(row.outputs) < kManyDenormals || told.contains(row.model)) continue;
    findings->push_back(
        {Level::kNote,
         Format("{} {}: {:.2g} % of the values that it answers with (of {} in the comparison with "
                "the original, of whose {:.2g} % are) are denormal, below 1.2e-38, most of all in "
                "\"{}\" ({:.2g} %): many processors compute with these slowly",
                row.model, row.variant, 100 * DenormalShare(row.outputs), row.outputs.values,
                100 * DenormalShare(row.outputs_original), Printable(row.outputs.tensor, 80),
                100 * row.outputs.share)});
  }
}

}  // namespace

void AddDenormals(const Analysis& analysis, std::vector<Finding>* findings) {
  std::set<std::string> told;
  Weights(analysis, findings);
  Activations(analysis, &told, findings);
  Outputs(analysis, told, findings);
}

}  // namespace quantbench

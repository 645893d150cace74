// The files that a study's models and variants name.
#include "run/variant_files.h"

#include "quantbench/model/torchscript.h"

namespace quantbench {

const std::filesystem::path* FileFor(const std::map<std::string, std::filesystem::path>& files,
                                     const StudyModel& model) {
  const auto found = files.find(model.id);
  return found == files.end() ? nullptr : &found->second;
}

const std::filesystem::path& SourceOf(const StudyVariant& variant, const StudyModel& model) {
  const std::filesystem::path* from = FileFor(variant.from, model);
  return from == nullptr ? model.path : *from;
}

bool PerChannelDynamic(const StudyVariant& variant, const StudyModel& model) {
  return variant.per_channel && variant.given.empty() && IsTorchScript(SourceOf(variant, model));
}

std::vector<std::filesystem::path> NamedFiles(const Study& study) {
  std::vector<std::filesystem::path> files;
  for (const StudyModel& model : study.models) files.push_back(model.path);
  for (const StudyVariant& variant : study.variants) {
    for (const auto& [model, file] : variant.given) files.push_back(file);
    for (const auto& [model, file] : variant.from) files.push_back(file);
  }
  return files;
}

}  // namespace quantbench

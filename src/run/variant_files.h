// The files that a study's models and variants name.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "quantbench/study.h"

namespace quantbench {

// The file for the model among those of a variant; null where there is none.
const std::filesystem::path* FileFor(const std::map<std::string, std::filesystem::path>& files,
                                     const StudyModel& model);
// What the variant's recipe quantizes: the model's own file, or one that it names.
const std::filesystem::path& SourceOf(const StudyVariant& variant, const StudyModel& model);
// Whether dynamic layers of what the recipe makes have a scale a channel. Those of TorchScript have
// where the study says so; for ONNX the recipe itself says it.
bool PerChannelDynamic(const StudyVariant& variant, const StudyModel& model);
// Every file of a model or of a variant that the study names.
std::vector<std::filesystem::path> NamedFiles(const Study& study);

}  // namespace quantbench

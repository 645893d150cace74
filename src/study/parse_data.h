// Parsing of data sets: a [data.X] table, or a file of its own.
#pragma once

#include <filesystem>
#include <string>

#include "quantbench/data.h"

#include "study/reader.h"

namespace quantbench {

// `folder`: what relative paths are taken from. Files that do not exist are mistakes.
DataSpec ParseData(const toml::table& table, const std::string& id, const std::string& name,
                   const std::filesystem::path& folder, Diagnostics* diagnostics);

// `path` as written, taken from `folder` when relative.
std::filesystem::path Resolve(const std::filesystem::path& folder, const std::string& path);

}  // namespace quantbench

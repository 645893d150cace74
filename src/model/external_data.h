// ExternalData: the files beside an untrusted model that hold numbers of its tensors.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

class ExternalData {
 public:
  using Files = std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>>;

  // `folder`: what the files must lie beneath; empty: only files already in `files` are found.
  ExternalData(std::filesystem::path folder, Files* files)
      : folder_(std::move(folder)), files_(files) {}

  // Reads the encoded entries of a tensor whose type and dims are set; sets external and data.
  // Throws wire::WireError for unknown keys, addresses in memory, places outside the folder or
  // beyond the file, and, where no length is given, a rest of the file that is not the tensor.
  void Attach(const std::vector<std::string_view>& entries, Initializer* tensor) const;

 private:
  [[nodiscard]] std::shared_ptr<const MappedFile> Open(const std::string& location) const;

  std::filesystem::path folder_;
  Files* files_;
};

}  // namespace quantbench

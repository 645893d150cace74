// What a bundle should not say of the machine that it was packed on: folders and the host's name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quantbench {

class PrivateWords {
 public:
  // The absolute folders of study and results, the home folder; `host` may be empty.
  PrivateWords(const std::filesystem::path& study, const std::filesystem::path& results,
               std::string host);

  // Paths below the study's folder become relative, those below the home folder begin with ~.
  [[nodiscard]] std::string WithoutPaths(std::string_view text) const;
  [[nodiscard]] bool HasPath(std::string_view text) const;
  // As a word of its own: a host called "jetson" is not in "jetsons". Names of up to three letters
  // are found nowhere: they would be found everywhere.
  [[nodiscard]] bool HasHost(std::string_view text) const;

 private:
  std::vector<std::pair<std::string, std::string>> paths_;  // longest first; what stands for it
  std::string host_;
};

}  // namespace quantbench

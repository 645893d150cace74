// Finding and shortening what a bundle should not say.
#include "export/private_words.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShortest = 4;  // "/", "/a" and "vm" are in every text

std::string FolderText(const fs::path& folder) {
  std::error_code ignored;
  std::string text = fs::absolute(folder.empty() ? "." : folder, ignored).lexically_normal();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool EndsName(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-';
}

// Where `word` stands in `text` at `at` or later, not as part of a longer name.
std::size_t FindWord(std::string_view text, std::string_view word, std::size_t at) {
  for (at = text.find(word, at); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || EndsName(text[at - 1]);
    if (begins && (end == text.size() || EndsName(text[end]))) return at;
  }
  return at;
}

}  // namespace

PrivateWords::PrivateWords(const fs::path& study, const fs::path& results, std::string host)
    : host_(std::move(host)) {
  paths_ = {{FolderText(results), "results"}, {FolderText(study), "."}};
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): before any thread
  if (home != nullptr) paths_.emplace_back(FolderText(home), "~");
  std::erase_if(paths_, [](const auto& path) { return path.first.size() < kShortest; });
  std::stable_sort(paths_.begin(), paths_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

std::string PrivateWords::WithoutPaths(std::string_view text) const {
  std::string shortened(text);
  for (const auto& [path, stand_in] : paths_) {
    std::string next;
    std::size_t begin = 0;
    for (std::size_t at = FindWord(shortened, path, 0); at != std::string::npos;
         at = FindWord(shortened, path, begin)) {
      next.append(shortened, begin, at - begin).append(stand_in);
      begin = at + path.size();
    }
    shortened = next.append(shortened, begin);
  }
  return shortened;
}

bool PrivateWords::HasPath(std::string_view text) const {
  return std::any_of(paths_.begin(), paths_.end(), [&](const auto& path) {
    return FindWord(text, path.first, 0) != std::string_view::npos;
  });
}

bool PrivateWords::HasHost(std::string_view text) const {
  return host_.size() >= kShortest && FindWord(text, host_, 0) != std::string_view::npos;
}

}  // namespace quantbench

// An output that is made anew.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

namespace quantbench {

// An existing output steps aside while the new one is made, and comes back if that fails.
class Replacement {
 public:
  explicit Replacement(std::filesystem::path output) : output_(std::move(output)) {
    std::error_code ignored;
    for (const auto& file : {output_, DataFile()}) {
      if (std::filesystem::exists(file, ignored)) {
        std::filesystem::rename(file, Aside(file), ignored);
      }
    }
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  Replacement(Replacement&&) = delete;
  Replacement& operator=(Replacement&&) = delete;

  ~Replacement() {
    std::error_code ignored;
    for (const auto& file : {output_, DataFile()}) {
      if (kept_) {
        std::filesystem::remove(Aside(file), ignored);
      } else {
        std::filesystem::remove(file, ignored);
        if (std::filesystem::exists(Aside(file), ignored)) {
          std::filesystem::rename(Aside(file), file, ignored);
        }
      }
    }
  }
  void Keep() { kept_ = true; }

 private:
  [[nodiscard]] std::filesystem::path DataFile() const { return {output_.string() + ".data"}; }
  static std::filesystem::path Aside(const std::filesystem::path& file) {
    return {file.string() + ".previous"};
  }
  std::filesystem::path output_;
  bool kept_ = false;
};

}  // namespace quantbench

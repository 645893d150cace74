// Progress: how long work tells its caller how far it is; only `cli` turns that into something
// seen.
#pragma once

#include <cstdint>
#include <string_view>

namespace quantbench {

class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  virtual ~Progress() = default;

  // `done` of `total` units of the step named `step` ("calibrating"); total 0: not known.
  virtual void Update(std::string_view step, std::int64_t done, std::int64_t total) = 0;
  // Something worth a line of its own ("measured mobilenet batch 4: 1.52 times faster").
  virtual void Note(std::string_view line) = 0;
};

// Says nothing.
class SilentProgress final : public Progress {
 public:
  void Update(std::string_view, std::int64_t, std::int64_t) override {}
  void Note(std::string_view) override {}
};

}  // namespace quantbench

// Competitors: processes of no use that keep processors busy, to measure under load on purpose.
#pragma once

#include <vector>

#include <sys/types.h>

namespace quantbench {

class Competitors {
 public:
  explicit Competitors(int count);
  Competitors(const Competitors&) = delete;
  Competitors& operator=(const Competitors&) = delete;
  Competitors(Competitors&&) = delete;
  Competitors& operator=(Competitors&&) = delete;
  ~Competitors();  // ends them; they also die with us

 private:
  std::vector<pid_t> children_;
};

}  // namespace quantbench

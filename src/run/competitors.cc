// Competitors: processes of no use that keep processors busy.
#include "run/competitors.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quantbench {
namespace {

[[noreturn]] void SpinForEver() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  volatile unsigned counter = 0;
  for (;;) counter = counter + 1;
}

}  // namespace

Competitors::Competitors(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child == 0) SpinForEver();
    if (child > 0) children_.push_back(child);
  }
}

Competitors::~Competitors() {
  for (const pid_t child : children_) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}

}  // namespace quantbench

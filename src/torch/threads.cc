// How many threads compute.
#include "torch/threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace quantbench {

void UseThreads(int threads) {
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  using SetThreads = void (*)(int);
  void* const set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
  if (set != nullptr) reinterpret_cast<SetThreads>(set)(threads);
}

}  // namespace quantbench

// How many threads compute.
#pragma once

namespace quantbench {

// Threads inside an operator, libtorch's and those of its BLAS: an OpenBLAS with threads of its own
// takes no notice of libtorch's number.
void UseThreads(int threads);

}  // namespace quantbench

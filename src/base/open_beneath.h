// Two ways to open a file strictly beneath a folder; the second serves kernels without openat2.
#pragma once

namespace quantbench {

// A descriptor, or -1 with errno; no symbolic link is followed anywhere in `relative`.
int OpenBeneathByKernel(int folder, const char* relative);
int OpenBeneathByComponents(int folder, const char* relative);

}  // namespace quantbench

// What is measured, and how to wait between.
#pragma once

#include <cstdint>
#include <functional>

#include "quantbench/base/status.h"

namespace quantbench {

// One forward pass of one arm, whatever it takes (data loading included where wanted).
using Pass = std::function<Status()>;

// Until a time of the clock. Behind a function, so that tests need not wait.
using WaitUntil = std::function<void(std::int64_t ns)>;
// Sleeps, and spins through the last 0.2 ms. SystemClock's times.
void SystemWait(std::int64_t ns);

}  // namespace quantbench

// cli: flags become option structs, one library call, rendering. The only room that prints.
#pragma once

namespace quantbench {

// The quantbench program. Exit codes: 0 done; 1 a gate was missed; 2 usage or study error; 3
// finished, but cases failed; 4 machine or disk; 5 bad model or data refused; 70 our bug.
[[nodiscard]] int Main(int argc, char** argv);

}  // namespace quantbench

// What the parser of studies knows: the keys it asks for in each table.
#pragma once

#include <string_view>
#include <vector>

#include "study/reader.h"

namespace quantbench {

// Has every table, so that the parser asks for every key, and the keys that it looks for before it
// reads them, so that it says what they are to hold.
inline constexpr std::string_view kEveryTable = R"toml(
[study]
[[model]]
[[variant]]
recipe = { base = "static-int8", steps = ["clip"] }
calibrate = {}
[data.x]
inputs = { i = { constant = 1 } }
preprocess = { scale = 1.0 }
text = {}
audio = {}
answer = {}
[budget]
[torch]
[sweep]
[scenario]
[[hypothesis]]
where = { batch = 1, threads = 1 }
)toml";

// The keys asked for while `text` is parsed, mistakes or not; none when it is no TOML. A table is
// asked about only where the text has it.
std::vector<AskedKey> KeysAskedFor(std::string_view text);

}  // namespace quantbench

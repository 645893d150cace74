// What the parser of studies knows: the keys it asks for in each table.
#pragma once

#include <string_view>
#include <vector>

#include "study/reader.h"

namespace quantbench {

// The keys asked for while `text` is parsed, mistakes or not; none when it is no TOML. A table is
// asked about only where the text has it.
std::vector<AskedKey> KeysAskedFor(std::string_view text);

}  // namespace quantbench

// What every source of the module shares: nothing may throw across the border.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

namespace quantbench {

// A copy that free() takes; null when there is no memory.
inline char* CopyText(std::string_view text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

// libtorch's message without its stack of C++ functions, in one line.
[[nodiscard]] std::string OneLine(std::string_view message);

// Does `work` and returns null, or what it threw as the caller's text.
template <typename Work>
char* Guard(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return CopyText("out of memory (bad_alloc)");
  } catch (const std::exception& exception) {
    return CopyText(OneLine(exception.what()));
  } catch (...) {
    return CopyText("an error of unknown type");
  }
}

}  // namespace quantbench

// Which mapped file bytes of a model lie in, so that their pages can be given back.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "quantbench/base/file.h"
#include "quantbench/model.h"

namespace quantbench {

// The model's own file or one of its external ones; null for bytes elsewhere.
[[nodiscard]] std::shared_ptr<const MappedFile> FileHolding(const Model& model,
                                                            std::span<const std::byte> bytes);

// Gives the pages of the bytes back, where they lie in a file: reading them again faults them in.
void ReleasePages(const Model& model, std::span<const std::byte> bytes);

}  // namespace quantbench

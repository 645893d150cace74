// Numbers that are made when they are asked for.
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "model/payload.h"

namespace quantbench {
namespace {

std::string Description(DataType type, const Shape& dims) {
  return Format("{} of shape {}", Name(type), ToString(dims));
}

// One run of `make` serves all tensors, if they are asked for in order.
class Computation {
 public:
  Computation(std::size_t count, TensorsMaker make)
      : made_(count), next_(count), make_(std::move(make)) {}

  Result<Tensor> Take(std::size_t index) {
    const std::lock_guard lock(mutex_);
    if (index < next_) QB_OK(Run());
    Tensor taken = std::move(made_[index]);
    for (std::size_t i = 0; i <= index; ++i) made_[i] = {};
    next_ = index + 1;
    return taken;
  }

 private:
  Status Run() {
    next_ = made_.size();  // until it has gone well
    Status done = make_(made_);
    if (!done.ok()) made_.assign(made_.size(), {});
    return done;
  }

  std::mutex mutex_;
  std::vector<Tensor> made_;
  std::size_t next_;  // the first that is kept; those before it were asked for, or passed over
  TensorsMaker make_;
};

}  // namespace

Result<Tensor> MakeTensor(const Initializer& tensor, std::uint64_t wanted) {
  QB_CHECK(tensor.maker != nullptr, "a deferred tensor has a maker");
  try {
    Result<Tensor> made = (*tensor.maker)();
    if (!made.ok()) return Named(tensor, made.error());
    const Tensor& value = made.value();
    if (value.type == tensor.type && value.shape == tensor.dims && value.bytes.size() == wanted) {
      return made;
    }
    return Named(tensor, {ErrorCode::kInternal,
                          Format("{} was promised, {} in {} bytes made",
                                 Description(tensor.type, tensor.dims),
                                 Description(value.type, value.shape), value.bytes.size())});
  } catch (const std::bad_alloc&) {
    return Named(tensor, {ErrorCode::kIo, "not enough memory to make it"});
  }
}

Initializer Initializer::Deferred(std::string name, DataType type, Shape dims, TensorMaker maker) {
  Initializer initializer;
  initializer.name = std::move(name);
  initializer.type = type;
  initializer.dims = std::move(dims);
  initializer.storage = Storage::kDeferred;
  initializer.maker = std::make_shared<const TensorMaker>(std::move(maker));
  return initializer;
}

std::vector<Initializer> DeferTogether(std::vector<Promise> promises, TensorsMaker make) {
  const auto computation = std::make_shared<Computation>(promises.size(), std::move(make));
  std::vector<Initializer> initializers;
  initializers.reserve(promises.size());
  for (Promise& promise : promises) {
    const std::size_t index = initializers.size();
    initializers.push_back(
        Initializer::Deferred(std::move(promise.name), promise.type, std::move(promise.dims),
                              [computation, index] { return computation->Take(index); }));
  }
  return initializers;
}

}  // namespace quantbench

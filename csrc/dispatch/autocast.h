// Lower precision by context: the dtype that arguments of products are cast to, for each thread and
// kind of device. Which operators take part they declare (flambeau/ops/core/autocast.py). Needs the
// GIL.
#pragma once
#include <optional>
#include <tuple>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

struct Autocast {
  struct Kind {
    bool on;
    DType dtype;
  };
  bool on = false;  // for any kind of device
  Kind cpu{false, DType::bfloat16}, cuda{false, DType::float16};

  Kind& of(const Tensor& t) { return t.is_cuda() ? cuda : cpu; }
};
extern constinit thread_local Autocast autocast;

/// What they were before; without a dtype it stays.
std::tuple<bool, DType> exchange_autocast(bool on, std::optional<DType> dtype, bool cuda);
/// What autocast lowers to in this thread; nothing where it is off.
std::optional<DType> autocast_dtype(bool cuda);

/// t in the dtype that autocast has for its device, or in float32 (`full`), where it is floating
/// and not float64 and autocast is on there; else t itself.
TensorRef autocasted(Tensor& t, bool full = false);

/// Autocast is off while this lives.
class AutocastOff {
 public:
  AutocastOff() : before_(autocast) { autocast.on = autocast.cpu.on = autocast.cuda.on = false; }
  ~AutocastOff() { autocast = before_; }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  Autocast before_;
};

inline constexpr std::tuple autocast_functions{
    declare<exchange_autocast>("_set_autocast", "on, dtype, cuda=False"),
    declare<autocast_dtype>("_autocast_dtype", "cuda=False")};

}  // namespace flambeau

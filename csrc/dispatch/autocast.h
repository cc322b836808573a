// Lower precision by context: the dtype that linear() casts its arguments to, for each thread.
// The other operators ask for it from Python (flambeau/ops/core/autocast.py). Needs the GIL.
#pragma once
#include "tensor/tensor.h"

namespace flambeau {

struct Autocast {
  bool on = false;
  DType dtype = DType::bfloat16;
};
extern constinit thread_local Autocast autocast;

/// t in autocast's dtype, where it is floating and not float64; else t itself.
TensorRef autocasted(Tensor& t);

/// Autocast is off while this lives.
class AutocastOff {
 public:
  AutocastOff() : before_(autocast.on) { autocast.on = false; }
  ~AutocastOff() { autocast.on = before_; }
  AutocastOff(const AutocastOff&) = delete;
  AutocastOff& operator=(const AutocastOff&) = delete;

 private:
  bool before_;
};

}  // namespace flambeau

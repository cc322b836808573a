// Tensors on a GPU with copies on the CPU, for a call that is computed there. Needs the GIL.
#pragma once
#include <vector>

#include "tensor/tensor.h"

namespace flambeau {

class CpuCopies {
 public:
  /// t's copy, made once; a tensor that lies elsewhere itself.
  Tensor& of(Tensor& t);
  /// What a call of the operator `name` has written into the copies goes into what they are of.
  void put_back(const char* name);
  /// What a copy is of; null for another tensor.
  Tensor* original_of(const Tensor& copy) const;

 private:
  struct Moved {
    TensorRef original, copy, before;
  };
  std::vector<Moved> moved_;
};

/// Whether calls without a way on their device are computed on the CPU (FLAMBEAU_CUDA_FALLBACK).
bool falls_back();
/// Says so, once for each operator.
void warn_of_fallback(const char* name, Device device);
/// t, or its copy on the CPU for what an operator computes there, with a warning once; raises where
/// that is not wanted.
TensorRef within_reach(Tensor& t);

}  // namespace flambeau

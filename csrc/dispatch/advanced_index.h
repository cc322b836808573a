// What x[i, None, mask] means: index tensors brought to int64 and to one shape, and their place in
// the result. Owns the tensors it made. Needs the GIL.
#pragma once
#include <vector>

#include "kernels/index/cells.h"
#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

class AdvancedIndex {
 public:
  /// items[d] is what stands at dim d of self: null for all of it, a tensor of integers, or a bool
  /// (uint8) mask, which stands for as many dims as it has. Errors begin with operator_name.
  AdvancedIndex(const Tensor& self, const std::vector<Tensor*>& items, const char* operator_name);
  AdvancedIndex(const AdvancedIndex&) = delete;

  Selection selection() const {
    return {static_cast<int>(dims_.size()), dims_.data(), views_.data(), position_};
  }
  const Dims& result_sizes() const { return result_sizes_; }

 private:
  void add(int dim, TensorRef index, const Dims& sizes, const Dims& strides, int64_t offset);
  void add_mask(const Tensor& self, int dim, Tensor& mask, const char* operator_name);
  /// The one shape of all index tensors, which they are expanded to.
  Dims broadcast(const char* operator_name);
  void place(const Tensor& self, const Dims& common);

  std::vector<TensorRef> tensors_;
  std::vector<int> dims_;
  std::vector<Strided> views_;
  std::vector<Dims> sizes_, strides_;
  std::vector<int64_t> offsets_;
  int position_ = 0;
  Dims result_sizes_;
};

/// A signed integer or uint8 tensor as int64; `index` itself where it is one already.
TensorRef as_int64(Tensor& index);

/// The int64 coordinates of the nonzero elements: (total, ndim).
TensorRef nonzero(const Tensor& t);

inline TensorRef nonzero_of(const Tensor& t) { return nonzero(t); }

inline constexpr std::tuple advanced_index_functions{
    declare<nonzero_of>("nonzero", "input", "The coordinates of the elements that are not zero.")};

}  // namespace flambeau

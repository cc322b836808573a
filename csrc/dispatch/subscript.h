// t[index] of what makes a view: ints, slices, None and '...', added one by one from left to right.
// Needs the GIL.
#pragma once
#include "dispatch/views.h"

namespace flambeau {

class BasicIndex {
 public:
  /// `consumed`: how many of the items stand for a dim of t each.
  BasicIndex(Tensor& t, int consumed) : t_(t), consumed_(consumed) {}
  void select(int64_t index);
  /// Bounds as Python writes them, which may lie outside.
  void slice(int64_t start, int64_t stop, int64_t step);
  void insert() { steps_.push_back({IndexStep::Kind::insert, 0, 0, 0}); }
  void ellipsis();
  TensorRef view() { return basic_index(t_, steps_.data(), static_cast<int>(steps_.size())); }

 private:
  int64_t size_of_next();
  Tensor& t_;
  int consumed_, dim_ = 0;
  bool has_ellipsis_ = false, all_named_ = false;
  std::vector<IndexStep> steps_;
};

/// t[index] = value, where `place` is what the index shows.
void put_into(Tensor& place, Tensor& value);
void put_into(Tensor& t, Tensor& place, PyObject* number);

}  // namespace flambeau

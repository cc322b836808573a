// Cells: which elements ("cells") of a tensor an index expression names, for every coordinate of
// the result. gather, index_select, take and x[i, j] read the cells; scatter, index_add, put and
// x[i, j] = v write them. Every index is checked when the Cells are made, so nothing is written
// before a bad index is found.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>

#include "tensor/strided.h"

namespace flambeau {

/// An advanced index: int64 tensors of one common shape B, one for each of the increasing dims of
/// self. The dims of B stand in the result at `position`, between the remaining dims of self in
/// their order.
struct Selection {
  int n;
  const int* dims;
  const Strided* indices;
  int position;
};

/// An index as it is used: not beyond `last`, nor negative, whatever another thread has written
/// there since it was checked.
// A branch that is never taken costs less than a minimum, which the address waits for; the empty
// statement keeps the compiler from making one of it.
[[gnu::always_inline]] inline int64_t limited(int64_t index, int64_t last) {
  if (static_cast<uint64_t>(index) > static_cast<uint64_t>(last)) [[unlikely]] {
    asm volatile("");
    return last;
  }
  return index;
}

/// The cell of coordinate c is self[sum(c * cell_strides) + index[sum(c * index_strides)] * step],
/// in elements.
struct Cells {
  int ndim = 0;
  int64_t sizes[max_ndim];
  int64_t cell_strides[max_ndim];
  int64_t index_strides[max_ndim];
  bool indexed[max_ndim];  // two coordinates along this dim may name the same cell
  const int64_t* index = nullptr;
  int64_t step = 1;
  int64_t last = std::numeric_limits<int64_t>::max();  // the greatest index of those of the caller
  std::unique_ptr<int64_t[]> owned;

  /// Of slices whose indices are read for many rows each: their offsets, which nobody else writes
  /// to.
  void own(const char* op, const Strided& self, int dim, const Strided& given);

  /// What index[i] adds to the place of a cell.
  int64_t offset(int64_t i) const { return limited(index[i], last) * step; }

  /// cell(c) = self[c with c[dim] replaced by index[c]]; index has the ndim of self, no negatives.
  static Cells along(const char* op, const Strided& self, int dim, const Strided& index);
  /// The same where the caller looks at the indices itself before it uses them.
  static Cells along_unchecked(const Strided& self, int dim, const Strided& index);
  /// cell(c) = self[c with c[dim] replaced by index[c[dim]]]; index is 1-D, no negatives.
  static Cells slices(const char* op, const Strided& self, int dim, const Strided& index);
  /// Coordinates of self[selection]; negative indices count from the end.
  static Cells selected(const char* op, const Strided& self, const Selection& selection);
  /// cell(c) = self.flatten()[index[c]]; negative indices count from the end.
  static Cells flat(const char* op, const Strided& self, const Strided& index);
};

/// Throws IndexError, with the first offender and its position, unless 0 <= index < size everywhere
/// (-size <= index with allow_negative). `place` names what is indexed; null: dim `dim` of that
/// size.
void check_indices(const char* op, const Strided& index, int64_t size, bool allow_negative,
                   const char* place, int dim = -1);

/// Copies n contiguous indices; false where one is outside of [0, size). What was copied then stays
/// inside, whatever another thread writes to the indices.
bool take_over(const int64_t* index, int64_t n, int64_t size, int64_t* to);

/// Whether one of n contiguous indices is outside of [0, size).
bool any_outside(const int64_t* index, int64_t n, int64_t size);

}  // namespace flambeau

// Writing by index: scatter, index_add, index_copy, index_reduce, put, x[i, j] = v; the mirror of
// index.h. Values that name one cell are combined in row-major order of the source, whatever the
// number of threads: sums are the same bits on every run, and of several assignments the last one
// stays.
#pragma once
#include "kernels/index/cells.h"

namespace flambeau {

enum class Combine : uint8_t { assign, sum, prod, amax, amin };  // amax and amin propagate NaN

/// cell = combine(cell, source), for source of the shape of `cells` (strides of 0 broadcast).
/// Without include_self the cells that are named start from the identity of `combine`.
void write_cells(const Strided& self, const Cells& cells, const Strided& source, Combine combine,
                 bool include_self);

void scatter(const char* op, const Strided& self, int dim, const Strided& index,
             const Strided& source, Combine combine, bool include_self = true);
/// out = base, or zeros where that is null, and then scatter(): slice by slice where it can, so
/// that each is in cache still when it is written to. Out and index are contiguous, base is as out.
void scatter_copy(const char* op, const Strided& out, const void* base, int dim,
                  const Strided& index, const Strided& source, Combine combine);
/// self[:, index[j], :] = combine(itself, source[:, j, :]).
void index_write(const char* op, const Strided& self, int dim, const Strided& index,
                 const Strided& source, Combine combine, bool include_self = true);
/// out = base, which is as out, contiguous, and then index_write().
void index_write_copy(const char* op, const Strided& out, const void* base, int dim,
                      const Strided& index, const Strided& source, Combine combine);
void index_put(const Strided& self, const Selection& selection, const Strided& values,
               bool accumulate);
void put(const Strided& self, const Strided& index, const Strided& source, bool accumulate);

}  // namespace flambeau

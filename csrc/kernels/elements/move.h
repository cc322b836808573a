// Moving elements without looking at them: flip, roll, triangles, diagonals. out has the dtype of
// self, its sizes where nothing else is said, and is written whole. Raw strided views, any thread,
// no GIL.
#pragma once
#include "tensor/strided.h"

namespace flambeau {

/// out = self with each of `dims` reversed.
void flip(const Strided& out, const Strided& self, int n_dims, const int* dims);

/// out[(c + shift) % size] = self[c] along each of `dims` (distinct).
void roll(const Strided& out, const Strided& self, int n_dims, const int* dims,
          const int64_t* shifts);

/// out = self on and below (`upper`: on and above) a diagonal of the matrices in the last two dims,
/// 0 elsewhere; out is contiguous.
void triangle(const Strided& out, const Strided& self, bool upper, int64_t diagonal);

/// Square matrices in the last two dims of out, with the vectors in self's last dim on a diagonal
/// and 0 elsewhere; both are contiguous, sizes fit.
void embed_diagonal(const Strided& out, const Strided& self, int64_t diagonal);

/// The places of a matrix on and below (`upper`: on and above) a diagonal, row by row: `count`
/// rows, then as many columns.
void triangle_places(int64_t* out, int64_t count, int64_t rows, int64_t columns, int64_t offset,
                     bool upper);

}  // namespace flambeau

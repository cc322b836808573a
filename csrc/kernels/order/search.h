// Where values fall among boundaries: searchsorted, bincount, histc.
// Raw strided views, any thread, no GIL; no complex dtypes.
#pragma once
#include <utility>

#include "tensor/strided.h"

namespace flambeau {

/// out (int32 or int64) = the place of each value in its row of the ascending `sequence` (same
/// dtype): left of equal entries, or right of them. sequence is 1-D, or (*B, N) with values (*B,
/// M). sorter, int64 and shaped as sequence, may give the ascending order of an unsorted sequence.
void searchsorted(const Strided& out, const Strided& sequence, const Strided& values, bool right,
                  const Strided* sorter);

/// The least and the greatest of an int64 vector; of an empty one (0, 0).
std::pair<int64_t, int64_t> extremes_of(const Strided& values);

/// counts[v] += 1, or weights at the same place; out is 1-D and zero: int64, or the dtype of
/// weights. input is 1-D int64 within [0, out.sizes[0]).
void bincount(const Strided& out, const Strided& input, const Strided* weights);

/// out[b] = how many values lie in the b-th of equal bins of [low, high]; the last bin holds high
/// too. out is 1-D, zero, of the dtype of input; values outside are left out. weights: null or
/// shaped as input.
void histc(const Strided& out, const Strided& input, const Strided* weights, double low,
           double high);

/// For each of `rows` rows of `width` weights `draws` places, chosen by numbers u of [0, 1): place
/// i as often as its weight says. False where a row has weights that are below 0, infinite or NaN,
/// or only zeros; what is drawn from it then means nothing.
struct DrawShape {
  int64_t rows, width, draws;
};
bool draw_by_weight(const DrawShape& shape, const void* weights, DType dtype, const double* u,
                    int64_t* out);

}  // namespace flambeau

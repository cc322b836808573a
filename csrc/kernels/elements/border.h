// Borders along the last dims: of one value, or of what is inside. Raw contiguous memory, any
// thread, no GIL.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace flambeau {

/// The last three dims of a padded tensor, those in front counted as `planes`. source[d][i] is
/// where the place i of dim d comes from; from inside[d].first on, inside[d].second places stand as
/// they are: source counts up by one.
struct Border {
  int64_t planes = 1;
  std::array<int64_t, 3> size{1, 1, 1};
  std::array<std::vector<int64_t>, 3> source;
  std::array<std::pair<int64_t, int64_t>, 3> inside;
};

/// out[p, i, j, k] = in[p, source[0][i], source[1][j], source[2][k]]
void add_border(const Border& border, int64_t itemsize, const void* in, void* out);

/// out = in with `before` and `after` places of `value` (one item) around its last three dims
/// `size`.
struct ConstantBorder {
  int64_t planes = 1;
  std::array<int64_t, 3> size{1, 1, 1}, before{}, after{};
};
void add_constant_border(const ConstantBorder& border, int64_t itemsize, const void* value,
                         const void* in, void* out);

/// The adjoint: out[p, source[0][i], source[1][j], source[2][k]] sums in[p, i, j, k]. float32,
/// float64, complex64, complex128.
void fold_border(const Border& border, DType dtype, const void* in, void* out);

}  // namespace flambeau

// Native ways into operators of sparse tensors: calls as programs write them that record nothing;
// null of all others, which the rules in flambeau/ops/sparse answer. Need the GIL.
#pragma once
#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// Compressed rows times a matrix or a vector: what has from `least` to `most` dims.
TensorRef times_rows(Tensor& left, Tensor& right, int least, int most);
template <int least, int most>
TensorRef product(Plain left, Plain right) {
  return times_rows(*left, *right, least, most);
}
TensorRef to_rows(Plain coo);
TensorRef to_places(Plain rows);

}  // namespace flambeau::ways

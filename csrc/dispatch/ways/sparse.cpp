#include "dispatch/ways/sparse.h"

#include "dispatch/basics.h"
#include "dispatch/raw/sparse.h"
#include "tensor/sparse.h"

namespace flambeau::ways {

// Another thread may change a sparse tensor while a long loop runs: what is needed behind one is
// taken before.

namespace {

/// The parts of a matrix of that layout; null of anything else.
const SparseParts* matrix(const Tensor& t, Layout layout) {
  if (!is_sparse(t) || t.ndim != 2) return nullptr;
  const SparseParts& parts = *t.storage->sparse;
  return parts.layout == layout && parts.dense_dim == 0 ? &parts : nullptr;
}

raw::Compressed rows_of(const SparseParts& parts) {
  return {*parts.compressed, *parts.indices, *parts.values, nullptr};
}

TensorRef make_rows(TensorRef compressed, TensorRef indices, TensorRef values, const Dims& sizes) {
  SparseParts parts;
  parts.layout = Layout::sparse_csr;
  parts.compressed = std::move(compressed);
  parts.indices = std::move(indices);
  parts.values = std::move(values);
  return make_sparse(std::move(parts), sizes);
}

}  // namespace

TensorRef times_rows(Tensor& left, Tensor& right, int least, int most) {
  const SparseParts* a = matrix(left, Layout::sparse_csr);
  if (!a || (left.dtype != DType::float32 && left.dtype != DType::float64) ||
      right.dtype != left.dtype || right.ndim < least || right.ndim > most ||
      right.sizes[0] != left.sizes[1])
    return nullptr;
  if (!is_sparse(right)) return raw::times_dense(rows_of(*a), right);
  const SparseParts* b = matrix(right, Layout::sparse_csr);
  if (!b) return nullptr;
  const Dims sizes{left.sizes[0], right.sizes[1]};
  auto [compressed, columns, values] = raw::times_rows(rows_of(*a), rows_of(*b), sizes[1]);
  return make_rows(std::move(compressed), std::move(columns), std::move(values), sizes);
}

TensorRef to_rows(Plain t) {
  const SparseParts* coo = matrix(*t, Layout::sparse_coo);
  if (!coo || !coo->coalesced) return nullptr;
  const Dims sizes = sizes_of(*t);
  TensorRef rows = select(*coo->indices, 0, 0), columns = select(*coo->indices, 0, 1),
            values = alias(*coo->values);
  return make_rows(raw::pointers(*rows, sizes[0]), contiguous(*columns), values, sizes);
}

TensorRef to_places(Plain t) {
  const SparseParts* rows = matrix(*t, Layout::sparse_csr);
  if (!rows) return nullptr;
  const Dims sizes = sizes_of(*t);
  SparseParts parts;
  parts.layout = Layout::sparse_coo;
  parts.coalesced = true;
  parts.values = alias(*rows->values);
  parts.indices = raw::coordinates(*rows->compressed, *rows->indices);
  return make_sparse(std::move(parts), sizes);
}

}  // namespace flambeau::ways

// _core.sparse: the loops of sparse tensors as functions without history, and the shortcuts of
// operators into them.
#include "dispatch/raw/sparse.h"

#include "dispatch/basics.h"
#include "python/bind.h"
#include "python/ways/plain.h"
#include "tensor/sparse.h"

namespace flambeau {

template <>
struct Argument<raw::Compressed> : Members<raw::Compressed, Tensor&, Tensor&, Tensor&, Tensor*> {};

namespace {

// Shortcuts: calls as programs write them that record nothing; null of all others, which the rules
// in flambeau/ops/sparse answer. Another thread may change a sparse tensor while a long loop runs:
// what is needed behind one is taken before.

/// The parts of an ordinary matrix of that layout; null of anything else.
const SparseParts* matrix(PyObject* o, Layout layout) {
  if (!is_plain(o) || !is_sparse(*as_tensor(o)) || as_tensor(o)->ndim != 2) return nullptr;
  const SparseParts& parts = *as_tensor(o)->storage->sparse;
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

/// Compressed rows times what has from `least` to `most` dims.
template <int least, int most>
PyObject* product(PyObject* const* args, Py_ssize_t n) {
  const SparseParts* a = n == 2 ? matrix(args[0], Layout::sparse_csr) : nullptr;
  if (!a || !is_plain(args[1])) return nullptr;
  Tensor &left = *as_tensor(args[0]), &right = *as_tensor(args[1]);
  if ((left.dtype != DType::float32 && left.dtype != DType::float64) || right.dtype != left.dtype ||
      right.ndim < least || right.ndim > most || right.sizes[0] != left.sizes[1])
    return nullptr;
  if (!is_sparse(right)) return raw::times_dense(rows_of(*a), right).release_py();
  const SparseParts* b = matrix(args[1], Layout::sparse_csr);
  if (!b) return nullptr;
  const Dims sizes{left.sizes[0], right.sizes[1]};
  auto [compressed, columns, values] = raw::times_rows(rows_of(*a), rows_of(*b), sizes[1]);
  return make_rows(std::move(compressed), std::move(columns), std::move(values), sizes)
      .release_py();
}

PyObject* to_rows(PyObject* const* args, Py_ssize_t n) {
  const SparseParts* coo = n == 1 ? matrix(args[0], Layout::sparse_coo) : nullptr;
  if (!coo || !coo->coalesced) return nullptr;
  const Dims sizes = sizes_of(*as_tensor(args[0]));
  TensorRef rows = select(*coo->indices, 0, 0), columns = select(*coo->indices, 0, 1),
            values = alias(*coo->values);
  return make_rows(raw::pointers(*rows, sizes[0]), contiguous(*columns), values, sizes)
      .release_py();
}

PyObject* to_places(PyObject* const* args, Py_ssize_t n) {
  const SparseParts* rows = n == 1 ? matrix(args[0], Layout::sparse_csr) : nullptr;
  if (!rows) return nullptr;
  const Dims sizes = sizes_of(*as_tensor(args[0]));
  SparseParts parts;
  parts.layout = Layout::sparse_coo;
  parts.coalesced = true;
  parts.values = alias(*rows->values);
  parts.indices = raw::coordinates(*rows->compressed, *rows->indices);
  return make_sparse(std::move(parts), sizes).release_py();
}

/// Gives an operator the way of that name for sparse arguments.
void set_shortcut(PyObject* o, std::string_view name) {
  check<TypeError>(is_operator(o),
                   [] { return message("_core.sparse.shortcut(): takes an operator."); });
  static constexpr std::pair<std::string_view, Shortcut> shortcuts[] = {
      {"mm", product<2, 2>},      {"mv", product<1, 1>},        {"matmul", product<1, 2>},
      {"to_sparse_csr", to_rows}, {"to_sparse_coo", to_places},
  };
  for (const auto& [key, way] : shortcuts)
    if (key == name) as_operator(o).shortcut = way;
}

const NativeEntry sparse[] = {
    bind<raw::order>("order", "keys"),
    bind<raw::merge>("merge", "keys, n"),
    bind<raw::common>("common", "keys, other_keys"),
    bind<raw::pointers>("pointers", "rows, extent"),
    bind<raw::expand>("expand", "pointers, n"),
    bind<raw::coordinates>("coordinates", "pointers, columns"),
    bind<raw::segment_sum>("segment_sum", "values, order, starts"),
    bind<raw::shift>("shift", "values, order, starts"),
    bind<raw::divide>("divide", "values, order, starts"),
    bind<raw::times_dense>("times_dense", "pointers, columns, values, order, dense"),
    bind<raw::sampled>("sampled", "rows, columns, x, y"),
    bind<raw::times_rows>("times_rows",
                          "pointers, columns, values, order, other_pointers, other_columns, "
                          "other_values, other_order, columns_of_other"),
    bind<set_shortcut>("shortcut", "operator, name"),
    {}};

const Functions functions(sparse, "sparse");

}  // namespace

}  // namespace flambeau

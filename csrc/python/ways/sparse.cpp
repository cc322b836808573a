// _core.sparse: the loops of sparse tensors as functions without history, and the shortcuts of
// operators into them.
#include "dispatch/raw/sparse.h"

#include "dispatch/ways/sparse.h"
#include "python/bind.h"
#include "python/ways/native.h"

namespace flambeau {

template <>
struct Argument<raw::Compressed> : Members<raw::Compressed, Tensor&, Tensor&, Tensor&, Tensor*> {};

namespace {

/// A way whose arguments come by position.
template <auto way>
PyObject* shortcut(PyObject* const* args, Py_ssize_t n) {
  return [&]<class... P>(TensorRef (*)(P...)) -> PyObject* {
    if (n != sizeof...(P) || !std::all_of(args, args + n, is_plain)) return nullptr;
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return way(P{as_tensor(args[i])}...).release_py();
    }(std::index_sequence_for<P...>());
  }(way);
}

/// Gives an operator the way of that name for sparse arguments.
void set_shortcut(Operator& self, std::string_view name) {
  static constexpr std::pair<std::string_view, Shortcut> shortcuts[] = {
      {"mm", shortcut<ways::product<2, 2>>},        {"mv", shortcut<ways::product<1, 1>>},
      {"matmul", shortcut<ways::product<1, 2>>},    {"to_sparse_csr", shortcut<ways::to_rows>},
      {"to_sparse_coo", shortcut<ways::to_places>},
  };
  for (const auto& [key, way] : shortcuts)
    if (key == name) self.shortcut = way;
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

// The shortcuts of operators into ways for sparse arguments.
#include "dispatch/ways/sparse.h"

#include "python/bind.h"
#include "python/ways/native.h"

namespace flambeau {

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

const NativeEntry entries[] = {bind<set_shortcut>("_sparse_shortcut", "operator, name"), {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau

// Operators without history and kernels, whose tables stand beside them, as functions of the core:
// flambeau/ops and flambeau/vision/ops declare their derivatives.
#include "dispatch/advanced_index.h"
#include "dispatch/map_rows.h"
#include "dispatch/pointwise.h"
#include "dispatch/products.h"
#include "dispatch/raw/class_losses.h"
#include "dispatch/raw/ctc.h"
#include "dispatch/raw/flex.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/layers.h"
#include "dispatch/raw/matrices.h"
#include "dispatch/raw/norms.h"
#include "dispatch/raw/numbers.h"
#include "dispatch/raw/order.h"
#include "dispatch/raw/recurrent.h"
#include "dispatch/raw/resampling.h"
#include "dispatch/raw/rows.h"
#include "dispatch/raw/sparse.h"
#include "dispatch/raw/vision.h"
#include "dispatch/rows.h"
#include "python/bind.h"
#include "runtime/blas.h"

namespace flambeau {

using namespace raw;

static Pointwise& read_as(As<Pointwise&>, Reader& r) {
  PyObject* o = r.next();
  check<TypeError>(is_pointwise(o), [&] { return message(r.op(), ": expected a Pointwise."); });
  return record_of(o);
}
static Arg tensor_or_number(PyObject* o, const char* op) {
  check<TypeError>(is_tensor(o) || is_number(o), [&] {
    return message(op, ": takes Tensors and numbers, not ", Py_TYPE(o)->tp_name, ".");
  });
  return is_tensor(o) ? Arg{as_tensor(o), nullptr} : Arg{nullptr, o};
}
static std::vector<Arg> args_in(PyObject* sequence, const char* op) {
  return items_of<Arg>(sequence, [&](PyObject* o) { return tensor_or_number(o, op); });
}
static std::vector<Arg> read_as(As<std::vector<Arg>>, Reader& r) {
  return args_in(r.next(), r.op());
}
static std::vector<Column> read_as(As<std::vector<Column>>, Reader& r) {
  return items_of<Column>(r.next(), [&](PyObject* o) -> Column {
    if (PyList_Check(o)) return {args_in(o, r.op()), true};
    return {{tensor_or_number(o, r.op())}, false};
  });
}

static const Functions indexing(
    entries_of<index_functions, advanced_index_functions, order_functions>.data(), "indexing"),
    sparse(entries_of<sparse_functions>.data(), "sparse"),
    layers(entries_of<layer_functions, flex_functions, class_loss_functions, ctc_functions,
                      row_functions, norm_functions, recurrent_functions>.data()),
    pictures(entries_of<resampling_functions, vision_functions>.data()),
    numbers(entries_of<matrix_functions, number_functions, product_functions,
                       blas_functions>.data()),
    kernels(entries_of<map_functions, map_rows_functions, row_kernel_functions>.data());

}  // namespace flambeau

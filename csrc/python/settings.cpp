// Promotion of dtypes, the default dtype, threads and memory, and the names the core knows.
#include <algorithm>
#include <limits>

#include "dispatch/bound.h"
#include "dispatch/promotion.h"
#include "python/args.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

PyObject* py_promote_types(const Call& call) {
  Args a(call);
  return Py_NewRef(dtype_object(
      promote_types(to_dtype_value(a[0], "promote_types"), to_dtype_value(a[1], "promote_types"))));
}
/// result_type of any number of tensors and numbers.
PyObject* py_result_type(const Call& call) {
  Promotion p;
  for (Py_ssize_t i = 0; i < call.n + call.n_named(); ++i) {
    PyObject* o = call.args[i];
    if (is_tensor(o))
      p.tensor(*as_tensor(o));
    else
      check<TypeError>(p.number(o), [&] {
        return message("result_type: takes Tensors and numbers, not ", Py_TYPE(o)->tp_name, ".");
      });
  }
  return Py_NewRef(dtype_object(p.result()));
}
PyObject* py_can_cast(const Call& call) {
  Args a(call);
  DType from = to_dtype_value(a[0], "can_cast"), to = to_dtype_value(a[1], "can_cast");
  // What is only stored is no kind that something could be lost to.
  bool loses = (is_complex(from) && !is_complex(to)) ||
               ((is_floating(from) || from == DType::float4_e2m1fn_x2) && is_integral(to)) ||
               (from != DType::bool_ && to == DType::bool_);
  return PyBool_FromLong(!loses);
}
PyObject* py_get_default_dtype(const Call&) { return Py_NewRef(dtype_object(default_dtype)); }
PyObject* py_set_default_dtype(const Call& call) {
  Args a(call);
  DType d = to_dtype_value(a[0], "set_default_dtype");
  check<TypeError>(is_floating(d) && !is_float8(d), [&] {
    return message("set_default_dtype: takes float64, float32, float16 or bfloat16, not ", name(d),
                   ".");
  });
  default_dtype = d;
  Py_RETURN_NONE;
}

PyObject* py_bind(const Call& call) {
  Args a(call);
  bind_operator(text_of(a[0]), a[1]);
  Py_RETURN_NONE;
}

/// _check_room(nbytes, beside=None): raises OutOfMemory unless the memory where the tensor `beside`
/// lies could hold them; an int of any size.
PyObject* py_check_room(const Call& call) {
  Args a(call);
  if (a.given(1) && a.tensor(1).is_meta()) Py_RETURN_NONE;
  check<TypeError>(PyLong_Check(a[0]), [] { return message("_check_room(): expected an int."); });
  int overflow = 0;
  int64_t nbytes = PyLong_AsLongLongAndOverflow(a[0], &overflow);
  check_room(overflow > 0 ? std::numeric_limits<int64_t>::max() : nbytes);
  Py_RETURN_NONE;
}

PyObject* py_set_num_threads(const Call& call) {
  int64_t n = Args(call).integer(0);
  check(n > 0, [&] { return message("set_num_threads: n is ", n, "; it must be 1 or more."); });
  set_num_threads(static_cast<int>(std::min<int64_t>(n, std::numeric_limits<int>::max())));
  Py_RETURN_NONE;
}
PyObject* py_get_num_threads(const Call&) { return PyLong_FromLong(get_num_threads()); }

PyObject* py_memory_stats(const Call&) {
  MemoryStats s = memory_stats();
  return Py_BuildValue("{s:L,s:L,s:L,s:L,s:L}", "allocated_bytes.current", s.allocated_bytes,
                       "allocated_bytes.peak", s.peak_allocated_bytes, "cached_bytes.current",
                       s.cached_bytes, "allocations", s.allocations, "cache_hits", s.cache_hits);
}
PyObject* py_reset_peak(const Call&) {
  reset_peak_memory();
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    fact(function({"promote_types", "type1, type2 -> dtype", py_promote_types,
                   "The dtype that holds both."})),
    fact(function({"result_type", "*tensors -> dtype", py_result_type,
                   "The dtype an operator of these operands computes in."})),
    fact(function({"can_cast", "from_, to -> bool", py_can_cast,
                   "Whether a dtype converts to another under the promotion rules."})),
    fact(function({"get_default_dtype", " -> dtype", py_get_default_dtype,
                   "The dtype of new floating tensors."})),
    fact(function({"set_default_dtype", "d -> None", py_set_default_dtype,
                   "Sets the dtype of new floating tensors."})),
    {"_bind", "name, callable", py_bind, "Names an operator for the core."},
    {"_check_room", "nbytes, beside=None", py_check_room,
     "Raises OutOfMemory unless memory could hold so many bytes."},
    fact(function(
        {"set_num_threads", "n -> None", py_set_num_threads, "Sets the number of threads."})),
    fact(function({"get_num_threads", " -> int", py_get_num_threads, "The number of threads."})),
    fact(function(
        {"memory_stats", " -> dict", py_memory_stats, "Counters of the allocator, in bytes."})),
    fact(function({"reset_peak_memory_stats", " -> None", py_reset_peak, "Starts the peak anew."})),
    {}};

}  // namespace

void initialize_settings(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau

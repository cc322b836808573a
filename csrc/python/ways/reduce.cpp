// sum, mean and the raw reductions as Python functions.
#include "dispatch/reduce.h"

#include <structmember.h>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/out.h"
#include "python/args.h"

namespace flambeau {

PyTypeObject* reduction_type = nullptr;

namespace {

PyObject* reduction_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject* spec;
  int ordered = 0;
  if (!PyArg_ParseTuple(args, "O|p", &spec, &ordered)) return nullptr;
  auto* self = reinterpret_cast<Reduction*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  Py_INCREF(spec);
  self->spec = spec;
  self->ordered = ordered != 0;
  self->kernels = new std::vector<Reduction::Kernel>;
  self->states = new std::vector<Reduction::States>;
  return reinterpret_cast<PyObject*>(self);
}

void reduction_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<Reduction*>(o);
  PyTypeObject* type = Py_TYPE(o);
  Py_CLEAR(self->spec);
  delete self->kernels;
  delete self->states;
  type->tp_free(o);
  Py_DECREF(type);
}

PyMemberDef reduction_members[] = {{"spec", T_OBJECT, offsetof(Reduction, spec), READONLY, nullptr},
                                   {nullptr, 0, 0, 0, nullptr}};

PyType_Slot reduction_slots[] = {{Py_tp_new, reinterpret_cast<void*>(reduction_new)},
                                 {Py_tp_dealloc, reinterpret_cast<void*>(reduction_dealloc)},
                                 {Py_tp_members, reduction_members},
                                 {0, nullptr}};

bool simple_out(Args& a, int at, Tensor*& out) {
  if (!a.given(at)) return false;
  out = &a.tensor(at);
  return true;
}

/// sum and mean take f(input, dims..., keepdim=, dtype=) in PyTorch's and NumPy's spellings.
struct ReduceArgs {
  Tensor* t;
  Dims dims;
  bool keepdim;
  bool has_dtype;
  DType dtype;
  Tensor* out = nullptr;
};

ReduceArgs reduce_args(const Call& call, const char* op) {
  Args a(call);
  ReduceArgs r;
  r.t = &a.tensor(0);
  r.dims = to_reduced_dims(a[1], r.t->ndim, op);
  r.keepdim = a.flag(2);
  r.has_dtype = a.given(3);
  r.dtype = r.has_dtype ? to_dtype_value(a[3], op) : r.t->dtype;
  simple_out(a, 4, r.out);
  return r;
}

PyObject* py_sum(const Call& call) {
  ReduceArgs r = reduce_args(call, "sum");
  TensorRef t = TensorRef::borrow(r.t);
  // Converted first, as PyTorch does: 1.7 + 1.7 in int64 is 2.
  if (r.has_dtype && (is_differentiable(r.dtype) || is_differentiable(t->dtype)))
    t = to_dtype(*t, r.dtype);
  DType out = r.has_dtype ? r.dtype : is_differentiable(t->dtype) ? t->dtype : DType::int64;
  return finish_out(sum_like("sum_reduction", *t, r.dims, r.keepdim, out, 1), r.out, "sum")
      .release_py();
}

PyObject* py_mean(const Call& call) {
  ReduceArgs r = reduce_args(call, "mean");
  TensorRef t = TensorRef::borrow(r.t);
  if (r.has_dtype) t = to_dtype(*t, r.dtype);
  check(is_differentiable(t->dtype), [&] {
    return message("mean: input is ", name(t->dtype),
                   ", and a mean is no integer. Pass dtype=torch.float32, or call .float() first.");
  });
  double count = 1;
  for (int i = 0; i < r.dims.n; ++i) count *= static_cast<double>(t->sizes[r.dims[i]]);
  return finish_out(sum_like("mean_reduction", *t, r.dims, r.keepdim, t->dtype, 1 / count), r.out,
                    "mean")
      .release_py();
}

/// _reduce(reduction, inputs, dims, keepdim, out_dtypes, parameters=()) -> tuple; no history.
PyObject* py_reduce(const Call& call) {
  Args a(call);
  auto& reduction = *reinterpret_cast<Reduction*>(a[0]);
  check<TypeError>(Py_TYPE(a[0]) == reduction_type,
                   [] { return message("_reduce(): expected a Reduction."); });
  std::vector<TensorRef> inputs;
  Object list = Object::steal(PySequence_List(a[1]));
  if (!list) throw PythonError();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
    PyObject* o = PyList_GET_ITEM(list.get(), i);
    check<TypeError>(is_tensor(o), [] { return message("_reduce(): inputs must be Tensors."); });
    inputs.push_back(TensorRef::borrow(as_tensor(o)));
  }
  check(!inputs.empty(), [] { return message("_reduce(): no inputs."); });
  std::vector<DType> outs;
  Object dtypes = Object::steal(PySequence_List(a[4]));
  if (!dtypes) throw PythonError();
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(dtypes.get()); ++i)
    outs.push_back(to_dtype_value(PyList_GET_ITEM(dtypes.get(), i), "_reduce"));
  std::vector<double> parameters;
  if (a.given(5)) {
    Object values = Object::steal(PySequence_List(a[5]));
    if (!values) throw PythonError();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i)
      parameters.push_back(PyFloat_AsDouble(PyList_GET_ITEM(values.get(), i)));
    if (PyErr_Occurred()) throw PythonError();
  }
  return tensor_tuple(run_reduction(reduction, inputs,
                                    to_reduced_dims(a[2], inputs[0]->ndim, "_reduce"), a.truth(3),
                                    outs, parameters));
}

PyObject* py_all_finite(const Call& call) {
  return PyBool_FromLong(all_finite(Args(call).tensor(0)));
}

PyObject* py_sum_to_size(const Call& call) {
  Tensor& t = first_tensor(call);
  Dims sizes = rest_as_dims(call, 1);
  bool sums = !(sizes_of(t) == sizes);
  if (is_differentiable(t.dtype) || !sums) return sum_to_size(t, sizes).release_py();
  return sum_to_size(*to_dtype(t, DType::int64), sizes).release_py();
}

const NativeEntry entries[] = {
    both({"sum", "input, dim=None, keepdim=False, *, dtype=None, out=None", py_sum,
          "The sum of all elements or over dim."}),
    both({"mean", "input, dim=None, keepdim=False, *, dtype=None, out=None", py_mean,
          "The mean of all elements or over dim."}),
    {"_reduce", "reduction, inputs, dim, keepdim, dtypes, parameters=None", py_reduce,
     "Runs a reduction without history."},
    {"_all_finite", "input", py_all_finite,
     "Whether a contiguous tensor has neither infinities nor NaN."},
    method({"sum_to_size", "input, *size", py_sum_to_size,
            "Summed over what broadcasting would have repeated."}),
    {}};

}  // namespace

void initialize_reductions(PyObject* module) {
  static PyType_Spec spec = {"flambeau._core.Reduction", sizeof(Reduction), 0, Py_TPFLAGS_DEFAULT,
                             reduction_slots};
  reduction_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  PyModule_AddObjectRef(module, "Reduction", reinterpret_cast<PyObject*>(reduction_type));
  add_functions(module, entries);
}

}  // namespace flambeau

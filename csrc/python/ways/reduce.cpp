// sum, mean and the raw reductions as Python functions.
#include "dispatch/reduce.h"

#include <algorithm>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/out.h"
#include "python/attributes.h"

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
                                   {}};

TensorRef sum(Called op, Tensor& input, PyObject* dim, Flag keepdim, std::optional<DType> dtype,
              Tensor* out) {
  Dims dims = to_reduced_dims(dim, input.ndim, op);
  Tensor* t = &input;  // without a reference: one that waits shows by it that nobody else reads it
  TensorRef converted;
  // Converted first, as PyTorch does: 1.7 + 1.7 in int64 is 2.
  if (dtype && (is_differentiable(*dtype) || is_differentiable(t->dtype)))
    t = (converted = to_dtype(input, *dtype)).get();
  DType made = dtype ? *dtype : is_differentiable(t->dtype) ? t->dtype : DType::int64;
  return finish_out(sum_like("sum_reduction", *t, dims, keepdim, made, 1), out, op);
}

TensorRef mean(Called op, Tensor& input, PyObject* dim, Flag keepdim, std::optional<DType> dtype,
               Tensor* out) {
  Dims dims = to_reduced_dims(dim, input.ndim, op);
  TensorRef converted;
  Tensor* t = dtype ? (converted = to_dtype(input, *dtype)).get() : &input;
  check(is_differentiable(t->dtype), [&] {
    return message("mean: input is ", name(t->dtype),
                   ", and a mean is no integer. Pass dtype=torch.float32, or call .float() first.");
  });
  double count = 1;
  for (int i = 0; i < dims.n; ++i) count *= static_cast<double>(t->sizes[dims[i]]);
  return finish_out(sum_like("mean_reduction", *t, dims, keepdim, t->dtype, 1 / count), out, op);
}

/// A run of a reduction without history.
std::vector<TensorRef> reduce(Called op, PyObject* reduction, std::vector<Tensor*> tensors,
                              PyObject* dim, bool keepdim, PyObject* dtypes, PyObject* parameters) {
  check<TypeError>(Py_TYPE(reduction) == reduction_type,
                   [] { return message("_reduce(): expected a Reduction."); });
  std::vector<TensorRef> inputs;
  for (Tensor* t : tensors) inputs.push_back(TensorRef::borrow(t));
  check(!inputs.empty() && std::find(tensors.begin(), tensors.end(), nullptr) == tensors.end(),
        [] { return message("_reduce(): inputs must be Tensors, one or more."); });
  std::vector<DType> outs;
  each_item(dtypes, [&](PyObject* o) { outs.push_back(to_dtype_value(o, op)); });
  std::vector<double> numbers;
  if (parameters != Py_None)
    each_item(parameters, [&](PyObject* o) { numbers.push_back(real_of(o)); });
  return run_reduction(*reinterpret_cast<Reduction*>(reduction), inputs,
                       to_reduced_dims(dim, inputs[0]->ndim, op), keepdim, outs, numbers);
}

TensorRef sum_to_size_of(Tensor& t, const RestDims& sizes) {
  bool sums = !(sizes_of(t) == sizes);
  if (is_differentiable(t.dtype) || !sums) return sum_to_size(t, sizes);
  return sum_to_size(*to_dtype(t, DType::int64), sizes);
}

const NativeEntry entries[] = {
    both(bind<sum>("sum", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                   "The sum of all elements or over dim.")),
    both(bind<mean>("mean", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                    "The mean of all elements or over dim.")),
    bind<reduce>("_reduce", "reduction, inputs, dim, keepdim, dtypes, parameters=None"),
    bind<[](Tensor& t) { return all_finite(t); }>(
        "_all_finite", "input", "Whether a contiguous tensor has neither infinities nor NaN."),
    method(bind<sum_to_size_of>("sum_to_size", "input, *size",
                                "Summed over what broadcasting would have repeated.")),
    {}};
const Functions functions(entries);

}  // namespace

void initialize_reductions(PyObject* module) {
  reduction_type = new_type("flambeau._core.Reduction", sizeof(Reduction), 0,
                            {slot(Py_tp_new, reduction_new), slot(Py_tp_dealloc, reduction_dealloc),
                             slot(Py_tp_members, reduction_members)},
                            module, "Reduction");
}

}  // namespace flambeau

// sum, mean and the raw reductions as Python functions.
#include "dispatch/reduce.h"

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
  PyObject* made = type->tp_alloc(type, 0);
  if (!made) return nullptr;
  auto& self = as<Reduction>(made);
  self.spec = Py_NewRef(spec);
  self.ordered = ordered != 0;
  self.kernels = new std::vector<Reduction::Kernel>;
  self.states = new std::vector<Reduction::States>;
  return made;
}

PyMemberDef reduction_members[] = {{"spec", T_OBJECT, offsetof(Reduction, spec), READONLY, nullptr},
                                   {}};

/// sum or mean
template <TensorRef (*run)(Called, Tensor&, const Dims&, bool, std::optional<DType>)>
TensorRef total(Called op, Tensor& input, PyObject* dim, Flag keepdim, std::optional<DType> dtype,
                Tensor* out) {
  const Dims dims = to_reduced_dims(dim, input.ndim, op);
  return finish_out(run(op, input, dims, keepdim, dtype), out, op);
}

/// A run of a reduction without history.
std::vector<TensorRef> reduce(Called op, Reduction& reduction, const std::vector<TensorRef>& inputs,
                              PyObject* dim, bool keepdim, PyObject* dtypes, PyObject* parameters) {
  check(!inputs.empty(), [] { return message("_reduce(): inputs must be Tensors, one or more."); });
  std::vector<DType> outs;
  each_item(dtypes, [&](PyObject* o) { outs.push_back(to_dtype_value(o, op)); });
  std::vector<double> numbers;
  if (parameters != Py_None)
    each_item(parameters, [&](PyObject* o) { numbers.push_back(real_of(o)); });
  return run_reduction(reduction, inputs, to_reduced_dims(dim, inputs[0]->ndim, op), keepdim, outs,
                       numbers);
}

TensorRef sum_to_size_of(Tensor& t, const RestDims& sizes) {
  bool sums = !(sizes_of(t) == sizes);
  if (is_differentiable(t.dtype) || !sums) return sum_to_size(t, sizes);
  return sum_to_size(*to_dtype(t, DType::int64), sizes);
}

const NativeEntry entries[] = {
    both(bind<total<sum_as>>("sum", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                             "The sum of all elements or over dim.")),
    both(bind<total<mean_as>>("mean", "input, dim=None, keepdim=False, *, dtype=None, out=None",
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
  reduction_type =
      new_type("flambeau._core.Reduction", sizeof(Reduction), 0,
               {slot(Py_tp_new, reduction_new), slot(Py_tp_dealloc, destroy_object<Reduction>),
                slot(Py_tp_members, reduction_members)},
               module, "Reduction");
}

}  // namespace flambeau

// sum, mean and the raw reductions as Python functions.
#include "dispatch/reduce.h"

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/finite.h"
#include "dispatch/out.h"
#include "python/attributes.h"

namespace flambeau {

PyTypeObject* reduction_type = nullptr;

namespace {

/// A reduction of what Python declared.
Object new_reduction(PyObject* spec, bool ordered) {
  if (!reduction_type)
    reduction_type =
        new_type("flambeau._core.Reduction", sizeof(Reduction), Py_TPFLAGS_DISALLOW_INSTANTIATION,
                 {slot(Py_tp_dealloc, destroy_object<Reduction>)});
  Object made = owned(reduction_type->tp_alloc(reduction_type, 0));
  auto& self = as<Reduction>(made.get());
  self.spec = Py_NewRef(spec);
  self.ordered = ordered;
  self.kernels = new std::vector<Reduction::Kernel>;
  self.states = new std::vector<Reduction::States>;
  return made;
}

/// sum or mean
template <TensorRef (*run)(Called, Tensor&, const Dims&, bool, std::optional<DType>)>
TensorRef total(Called op, Tensor& input, PyObject* dim, Flag keepdim, std::optional<DType> dtype,
                Tensor* out) {
  const Dims dims = to_reduced_dims(dim, input.ndim, op);
  return finish_out(run(op, input, dims, keepdim, dtype), out, op);
}

/// A run of a reduction without history.
std::vector<TensorRef> reduce(Called op, Reduction& reduction, const std::vector<TensorRef>& inputs,
                              PyObject* dim, bool keepdim, const std::vector<DType>& dtypes,
                              const std::optional<std::vector<double>>& parameters) {
  check(!inputs.empty(), [] { return message("_reduce(): inputs must be Tensors, one or more."); });
  return run_reduction(reduction, inputs, to_reduced_dims(dim, inputs[0]->ndim, op), keepdim,
                       dtypes, parameters.value_or(std::vector<double>()));
}

const NativeEntry entries[] = {
    both(bind<total<sum_as>>("sum", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                             "The sum of all elements or over dim.")),
    both(bind<total<mean_as>>("mean", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                              "The mean of all elements or over dim.")),
    fact(bind<new_reduction>("Reduction", "spec, ordered=False")),
    bind<reduce>("_reduce", "reduction, inputs, dim, keepdim, dtypes, parameters=None"),
    {}};
const Functions functions(entries), typed(entries_of<reduction_functions, finite_functions>.data());

}  // namespace

}  // namespace flambeau

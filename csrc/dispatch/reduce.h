// Runs reduce and row kernels: sorts dimensions into kept and reduced ones, picks the layout
// variant, and splits long reductions into chunks of fixed size, so that any number of threads
// gives the same bits. Needs the GIL, which it gives up for long runs.
#pragma once
#include <optional>
#include <vector>

#include "dispatch/iterate.h"
#include "dispatch/out.h"
#include "dispatch/shapes.h"

namespace flambeau {

using ReduceKernel = void (*)(int64_t n_out, int64_t n_red0, int64_t n_red1, char* const* ptrs,
                              const int64_t* out_strides, const int64_t* red0_strides,
                              const int64_t* red1_strides, int64_t index0);
using RowsKernel = void (*)(int64_t n_rows, int64_t row_len, char* const* ptrs,
                            const int64_t* row_strides, int64_t row0);

/// Dtypes of 10 streams, mode and stage.
__extension__ using ReduceKey = unsigned __int128;

/// A reduction that Python declared. spec.compile(in_dtypes, out_dtypes, mode, stage) gives an
/// address (for stage partial out_dtypes are those of the states), spec.state_dtypes(in_dtypes,
/// out_dtypes) the dtypes of the accumulators; spec.ordered tells whether the place of an element
/// matters (argmax).
struct Reduction {
  PyObject_HEAD PyObject* spec;
  bool ordered;
  ~Reduction() {
    Py_XDECREF(spec);
    delete kernels;
    delete states;
  }
  struct Kernel {
    ReduceKey key;
    ReduceKernel function;
  };
  std::vector<Kernel>* kernels;
  struct States {
    ReduceKey key;
    std::vector<DType> dtypes;
  };
  std::vector<States>* states;  // of the accumulators, by the dtypes of inputs and outputs
};
extern PyTypeObject* reduction_type;

/// Reduces `inputs` (of one shape) over `dims` into fresh tensors of the given dtypes. Parameters
/// go to the kernel as float64 values.
std::vector<TensorRef> run_reduction(Reduction& reduction, const std::vector<TensorRef>& inputs,
                                     const Dims& dims, bool keepdim,
                                     const std::vector<DType>& out_dtypes,
                                     const std::vector<double>& parameters = {});

/// The same for one input; the results go to `results`. Short contiguous inputs take a shorter way.
void reduce_one(Reduction& reduction, Tensor& input, const Dims& dims, bool keepdim,
                const DType* out_dtypes, int n_results, const double* parameter,
                TensorRef* results);

/// Computed in `dtype` where one is given.
TensorRef sum_as(Called op, Tensor& input, const Dims& dims, bool keepdim,
                 std::optional<DType> dtype);
TensorRef mean_as(Called op, Tensor& input, const Dims& dims, bool keepdim,
                  std::optional<DType> dtype);
/// sum or mean (times factor in backward) of t over dims, with history.
TensorRef sum_like(const char* operator_name, Tensor& t, const Dims& dims, bool keepdim, DType out,
                   double factor);

/// sum or mean as programs call them, computed in the dtype of out= unless dtype= says another.
template <TensorRef (*run)(Called, Tensor&, const Dims&, bool, std::optional<DType>)>
TensorRef total(Called op, Tensor& input, const ReducedDims& dim, Flag keepdim,
                std::optional<DType> dtype, Tensor* out) {
  const bool is_mean = run == mean_as;
  if (out && !dtype &&
      (!is_mean || (is_differentiable(input.dtype) && is_differentiable(out->dtype))))
    dtype = out->dtype;
  return finish_out(run(op, input, dim.of(input.ndim, op), keepdim, dtype), out, op);
}
/// sum_to_size() as programs call it: integers are summed in int64.
TensorRef sum_to_size_of(Tensor& t, const RestDims& sizes);
/// run_reduction as Python calls it.
std::vector<TensorRef> reduce(Called op, Reduction& reduction, const std::vector<TensorRef>& inputs,
                              const ReducedDims& dim, bool keepdim,
                              const std::vector<DType>& dtypes,
                              const std::optional<std::vector<double>>& parameters);

inline constexpr std::tuple reduction_functions{
    both(declare<total<sum_as>>("sum", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                                "The sum of all elements or over dim.")),
    both(declare<total<mean_as>>("mean", "input, dim=None, keepdim=False, *, dtype=None, out=None",
                                 "The mean of all elements or over dim.")),
    method(declare<sum_to_size_of>("sum_to_size", "input, *size",
                                   "Summed over what broadcasting would have repeated.")),
    declare<reduce>("_reduce", "reduction, inputs, dim, keepdim, dtypes, parameters=None")};

}  // namespace flambeau

#include "dispatch/ways/reductions.h"

#include "dispatch/finite.h"

namespace flambeau::ways {

namespace {

DType result_dtype(char letter, DType input) {
  switch (letter) {
    case 'i': return DType::int64;
    case 'b': return DType::bool_;
    case 'p': return is_floating(input) ? input : DType::int64;
    default: return input;
  }
}

void record(WayBackward& backward, const Pair& made, Tensor& input, const Dims& dims, bool keepdim,
            bool reads_result) {
  Ref<WayNode> node = make_way_node(backward, {&input});
  set_history(*made[0], &node->node);
  if (made[1]) {
    node->keep(sizes_of(input));  // who takes places reads no values, and the input may be written
    node->keep(*made[1]);
  } else {
    node->keep(input);
    if (reads_result)
      node->keep_result(*made[0]);
    else
      node->keep(static_cast<Tensor*>(nullptr));
  }
  node->keep(dims);
  node->keep(Object::borrow(keepdim ? Py_True : Py_False));
}

}  // namespace

static Reduce::Run run_of(const char* name, Reduction& reduction, const char* results,
                          PyObject* backward) {
  const bool places = results[0] && results[1];
  return {Ref<Reduction>::borrow(&reduction), results,
          WayBackward(name, backward,
                      {places ? "self_sym_sizes" : "self", places ? "indices" : "result", "dim",
                       "keepdim"})};
}

Reduce::Reduce(const char* name, Reduction& reduction, const char* results, const char* accepts,
               Reduction* whole, std::optional<double> parameter, PyObject* backward,
               PyObject* whole_backward)
    : run_(run_of(name, reduction, results, backward)), accepts_(accepts), parameter_(parameter) {
  if (whole) whole_ = run_of(name, *whole, "s", whole_backward);
}

bool Reduce::fits(const Tensor& input) const {
  return input.ndim > 0 && input.ndim <= most_reducible_dims && input.numel != 0 &&
         !is_complex(input.dtype) && (!can('f') || is_floating(input.dtype)) &&
         (!can('n') || input.dtype != DType::bool_) && (!can('u') || input.dtype != DType::uint8);
}

/// Whether a moment has elements enough; where it has not, Python's way says so.
bool Reduce::has_degrees(const Tensor& input, const Dims& dims) const {
  if (!parameter_) return true;
  double count = 1;
  for (int i = 0; i < dims.n; ++i) count *= static_cast<double>(input.sizes[dims[i]]);
  return count > *parameter_;
}

bool Reduce::take_dims(const Tensor& input, const DimOrDims& given, Dims& dims) const {
  if (!given.given) {
    dims = all_dims(input.ndim);
    return can('a') || (can('l') && !given.none);
  }
  for (int i = 0; i < given.dims.n; ++i) {
    int64_t dim = given.dims[i];
    if (!wrap(dim, input.ndim) || std::count(dims.v, dims.v + dims.n, dim)) return false;
    dims.push(dim);
  }
  return dims.n > 0 && (can('d') || !given.several);
}

Pair Reduce::take(Tensor& input, const DimOrDims& dim, bool keepdim, TwoOrFro, Two) {
  Dims dims;
  if (!fits(input) || !take_dims(input, dim, dims)) return {};
  if (!has_degrees(input, dims)) return {};
  const bool is_whole = !dim.given && whole_;
  if (is_whole && keepdim) return {};
  Run& run = is_whole ? *whole_ : run_;
  const int count = static_cast<int>(run.results.size());
  DType dtypes[2];
  for (int i = 0; i < count; ++i) dtypes[i] = result_dtype(run.results[i], input.dtype);
  const bool recorded = records(input) && is_differentiable(dtypes[0]);
  if (recorded && !run.backward.callable) return {};
  // A position among all elements is one in row-major order.
  if (!dim.given && run.reduction->ordered && (!input.contiguous || keepdim)) return {};
  Pair made;
  reduce_one(*run.reduction, input, dims, keepdim, dtypes, count,
             parameter_ ? &*parameter_ : nullptr, made.data());
  if (can('w') && !all_finite(*made[0])) return {};
  if (recorded) record(run.backward, made, input, dims, keepdim, !can('o'));
  return made;
}

}  // namespace flambeau::ways

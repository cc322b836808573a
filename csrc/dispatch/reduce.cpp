#include "dispatch/reduce.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/batched.h"
#include "dispatch/bound.h"
#include "dispatch/reduce_plan.h"
#include "dispatch/waiting.h"
#include "runtime/threads.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

/// Merges neighbours that are one run for all streams; `axes` are outermost first.
void merge(std::vector<Axis>& axes, int n) {
  std::vector<Axis> merged;
  for (const Axis& axis : axes) {
    if (axis.size == 1) continue;
    bool joins = !merged.empty();
    for (int i = 0; i < n && joins; ++i)
      joins = merged.back().strides[i] == axis.strides[i] * axis.size;
    if (joins) {
      merged.back().size *= axis.size;
      std::copy(axis.strides, axis.strides + n, merged.back().strides);
    } else {
      merged.push_back(axis);
    }
  }
  axes = std::move(merged);
}

Object names_of(const std::vector<DType>& dtypes) {
  Object tuple = Object::steal(PyTuple_New(static_cast<Py_ssize_t>(dtypes.size())));
  for (size_t i = 0; i < dtypes.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i),
                     PyUnicode_FromString(name(dtypes[i])));
  return tuple;
}

ReduceKey kernel_key(const DType* ins, size_t n_in, const DType* outs, size_t n_out, char mode,
                     const char* stage) {
  ReduceKey key = static_cast<uint64_t>(mode) << 8 | static_cast<uint64_t>(stage[0]);
  for (size_t i = 0; i < n_in; ++i) key = key << dtype_bits | static_cast<uint64_t>(ins[i]);
  for (size_t i = 0; i < n_out; ++i) key = key << dtype_bits | static_cast<uint64_t>(outs[i]);
  return key;
}

ReduceKernel known_kernel(Reduction& r, ReduceKey key) {
  for (auto& k : *r.kernels)
    if (k.key == key) return k.function;
  return nullptr;
}

}  // namespace

ReduceKernel find_kernel(Reduction& r, const std::vector<DType>& ins,
                         const std::vector<DType>& outs, char mode, const char* stage) {
  ReduceKey key = kernel_key(ins.data(), ins.size(), outs.data(), outs.size(), mode, stage);
  if (ReduceKernel known = known_kernel(r, key)) return known;
  Object in_names = names_of(ins), out_names = names_of(outs);
  Object address = owned(
      PyObject_CallMethod(r.spec, "compile", "OOCs", in_names.get(), out_names.get(), mode, stage));
  auto function = reinterpret_cast<ReduceKernel>(PyLong_AsVoidPtr(address.get()));
  if (!function) throw PythonError();
  r.kernels->push_back({key, function});
  return function;
}

const std::vector<DType>& state_dtypes(Reduction& r, const std::vector<DType>& ins,
                                       const std::vector<DType>& outs) {
  ReduceKey key = kernel_key(ins.data(), ins.size(), outs.data(), outs.size(), 'r', "full");
  for (auto& known : *r.states)
    if (known.key == key) return known.dtypes;
  Object in_names = names_of(ins), out_names = names_of(outs);
  Object names =
      owned(PyObject_CallMethod(r.spec, "state_dtypes", "OO", in_names.get(), out_names.get()));
  std::vector<DType> dtypes;
  for (Py_ssize_t i = 0; i < PySequence_Size(names.get()); ++i) {
    Object item = Object::steal(PySequence_GetItem(names.get(), i));
    const char* text = item ? PyUnicode_AsUTF8(item.get()) : nullptr;
    if (!text) throw PythonError();
    for (int d = 0; d < dtype_count; ++d)
      if (strcmp(dtype_facts[d].name, text) == 0) dtypes.push_back(static_cast<DType>(d));
  }
  r.states->push_back({key, std::move(dtypes)});
  return r.states->back().dtypes;
}

namespace {

/// Reductions of so few elements that lanes across them are quicker than lanes along one.
bool is_tiny(int64_t count, int64_t outputs, DType input) {
  return count <= 8 && outputs >= 16 && itemsize(input) >= 4;
}

/// Calls body(ptrs) for each position of the kept axes but the innermost, in [first, last).
template <class Body>
void over_kept(const Plan& plan, char* const* base, int64_t first, int64_t last, Body&& body) {
  for (int64_t at = first; at < last; ++at) {
    char* ptrs[max_streams];
    std::copy(base, base + plan.n, ptrs);
    int64_t rest = at;
    for (int k = static_cast<int>(plan.kept.size()) - 2; k >= 0; --k) {
      int64_t i = rest % plan.kept[k].size;
      rest /= plan.kept[k].size;
      for (int s = 0; s < plan.n; ++s) ptrs[s] += i * plan.kept[k].strides[s];
    }
    body(ptrs);
  }
}

void run_whole(const Plan& plan, ReduceKernel kernel, char* const* base) {
  static constexpr Axis unit = {1, {}};
  const Axis& inner = plan.kept.empty() ? unit : plan.kept.back();
  const Axis& red1 = plan.reduced.empty() ? unit : plan.reduced.back();
  const Axis& red0 = plan.reduced.size() > 1 ? plan.reduced[0] : unit;
  int64_t outer = plan.outputs / std::max<int64_t>(inner.size, 1);
  int64_t per_chunk = std::max<int64_t>(1, chunk_elements / std::max<int64_t>(plan.count, 1));
  LongWork unlocked(plan.outputs * plan.count > chunk_elements);
  if (plan.outputs <= per_chunk) {
    over_kept(plan, base, 0, outer, [&](char** ptrs) {
      kernel(inner.size, red0.size, red1.size, ptrs, inner.strides, red0.strides, red1.strides, 0);
    });
    return;
  }
  if (inner.size >= outer) {
    // Columns are cut in whole cache lines; of results of a row each there may be few.
    if (plan.mode != 'r') per_chunk = (per_chunk + 63) / 64 * 64;
    int64_t pieces = (inner.size + per_chunk - 1) / per_chunk;
    parallel_for(pieces * outer, [&](int64_t chunk) {
      int64_t begin = chunk % pieces * per_chunk, end = std::min(inner.size, begin + per_chunk);
      over_kept(plan, base, chunk / pieces, chunk / pieces + 1, [&](char** ptrs) {
        for (int s = 0; s < plan.n; ++s) ptrs[s] += begin * inner.strides[s];
        kernel(end - begin, red0.size, red1.size, ptrs, inner.strides, red0.strides, red1.strides,
               0);
      });
    });
    return;
  }
  int64_t rows = std::max<int64_t>(1, per_chunk / std::max<int64_t>(inner.size, 1));
  parallel_ranges(outer, rows, [&](int64_t begin, int64_t end) {
    over_kept(plan, base, begin, end, [&](char** ptrs) {
      kernel(inner.size, red0.size, red1.size, ptrs, inner.strides, red0.strides, red1.strides, 0);
    });
  });
}

/// States of whole chunks [first, last) of one result, in one call: with one for each the last
/// loads of a chunk have to arrive before the next begins, 60 ns of 1500.
void reduce_chunks(const Plan& plan, ReduceKernel partial, char* const* base, int64_t first,
                   int64_t last, const std::vector<TensorRef>& states) {
  const int n_states = static_cast<int>(states.size());
  char* streams[max_streams];
  int64_t apart[max_streams] = {}, along[max_streams] = {};
  for (int s = 0; s < n_states; ++s) {
    apart[s] = itemsize(states[s]->dtype);
    streams[s] = states[s]->as<char>() + first * apart[s];
  }
  for (int s = plan.n_out; s < plan.n; ++s) {
    const int to = n_states + s - plan.n_out;
    along[to] = plan.reduced[0].strides[s];
    apart[to] = chunk_elements * along[to];
    streams[to] = base[s] + first * apart[to];
  }
  partial(last - first, 1, chunk_elements, streams, apart, none, along, 0);
}

/// Few results of many elements each: chunks of the reduced range give accumulators, which are
/// combined.
void run_split(Reduction& r, const Plan& plan, char* const* base, const std::vector<DType>& ins,
               const std::vector<DType>& outs) {
  std::vector<DType> states = state_dtypes(r, ins, outs);
  ReduceKernel partial = find_kernel(r, ins, states, plan.mode, "partial");
  ReduceKernel combine = find_kernel(r, ins, outs, 'r', "combine");
  static constexpr Axis unit = {1, {}};
  Axis inner = plan.kept.empty() ? unit : plan.kept.back();
  bool two = plan.reduced.size() > 1;
  const Axis& split = plan.reduced[0];
  const Axis& red1 = plan.reduced.back();
  int64_t step = two ? std::max<int64_t>(1, chunk_elements / red1.size) : chunk_elements;
  int64_t chunks = (split.size + step - 1) / step;
  int n_states = static_cast<int>(states.size());
  std::vector<TensorRef> memory;
  for (DType d : states) memory.push_back(empty({plan.outputs, chunks}, d));
  int64_t outer = plan.outputs / inner.size;
  std::vector<char*> result_of(plan.outputs * plan.n_out);
  LongWork unlocked(true);
  auto reduce_chunk = [&](int64_t chunk) {
    int64_t begin = chunk * step, end = std::min(split.size, begin + step);
    int64_t at = 0;
    over_kept(plan, base, 0, outer, [&](char** ptrs) {
      for (int64_t i = 0; i < inner.size; ++i, ++at) {
        char* streams[max_streams];
        for (int s = 0; s < n_states; ++s)
          streams[s] = memory[s]->as<char>() + (at * chunks + chunk) * itemsize(states[s]);
        for (int s = plan.n_out; s < plan.n; ++s)
          streams[n_states + s - plan.n_out] =
              ptrs[s] + i * inner.strides[s] + begin * split.strides[s];
        int64_t red0[max_streams] = {}, red1_strides[max_streams] = {};
        for (int s = plan.n_out; s < plan.n; ++s) {
          red0[n_states + s - plan.n_out] = two ? split.strides[s] : 0;
          red1_strides[n_states + s - plan.n_out] = red1.strides[s];
        }
        if (two)
          partial(1, end - begin, red1.size, streams, none, red0, red1_strides, begin * red1.size);
        else
          partial(1, 1, end - begin, streams, none, red0, red1_strides, begin);
        if (chunk == 0)
          for (int s = 0; s < plan.n_out; ++s)
            result_of[at * plan.n_out + s] = ptrs[s] + i * inner.strides[s];
      }
    });
  };
  const bool together = plan.outputs == 1 && !two && !r.ordered;
  if (together) std::copy(base, base + plan.n_out, result_of.begin());
  parallel_shares(chunks, 1, [&](int64_t first, int64_t last) {
    const int64_t whole = together ? std::min(last, split.size / step) : first;
    if (whole > first) reduce_chunks(plan, partial, base, first, whole, memory);
    for (int64_t chunk = std::max(first, whole); chunk < last; ++chunk) reduce_chunk(chunk);
  });
  int n_inputs = plan.n - plan.n_out - plan.n_params;
  for (int64_t at = 0; at < plan.outputs; ++at) {
    char* streams[max_streams];
    int64_t steps[max_streams] = {};
    for (int s = 0; s < plan.n_out; ++s) streams[s] = result_of[at * plan.n_out + s];
    for (int s = 0; s < n_states; ++s) {
      streams[plan.n_out + s] = memory[s]->as<char>() + at * chunks * itemsize(states[s]);
      steps[plan.n_out + s] = itemsize(states[s]);
    }
    for (int s = 0; s < plan.n_params; ++s)
      streams[plan.n_out + n_states + s] = base[plan.n_out + n_inputs + s];
    combine(1, 1, chunks, streams, none, none, steps, 0);
  }
}

}  // namespace

/// Copies of the inputs with the reduced dimensions innermost: no kernel walks three of them.
static std::vector<TensorRef> with_reduced_innermost(const std::vector<TensorRef>& inputs,
                                                     const bool* is_reduced) {
  Tensor& model = *inputs[0];
  Dims order;
  for (int d = 0; d < model.ndim; ++d)
    if (!is_reduced[d]) order.push(d);
  for (int i = 0; i < model.ndim; ++i)
    if (is_reduced[i]) order.push(i);
  Dims inverse = order, sizes, strides;
  for (int i = 0; i < order.n; ++i) inverse[static_cast<int>(order[i])] = i;
  for (int i = 0; i < order.n; ++i) sizes.push(model.sizes[order[i]]);
  Dims packed = contiguous_strides(sizes);
  for (int i = 0; i < order.n; ++i) strides.push(packed[static_cast<int>(inverse[i])]);
  std::vector<TensorRef> copies;
  for (auto& t : inputs) {
    copies.push_back(empty_strided(sizes_of(model), strides, t->dtype));
    copy_bytes(*copies.back(), *t);
  }
  return copies;
}

/// Whether a copy without gaps pays, where neither the reduced elements nor the kept ones lie side
/// by side: the kernel that walks such an input takes one element at a time.
static bool is_better_packed(const Reduction& r, const Plan& plan,
                             const std::vector<TensorRef>& inputs) {
  constexpr int64_t least = 256, most_bytes = int64_t{32} << 20;
  const int64_t numel = plan.outputs * plan.count, size = itemsize(inputs[0]->dtype);
  if (inputs.size() > 1 || numel < least || numel * size > most_bytes) return false;
  auto shortest = [&](const std::vector<Axis>& axes) {
    return axes.empty() ? INT64_MAX : std::abs(axes.back().strides[plan.n_out]);
  };
  const int64_t kept = shortest(plan.kept), reduced = shortest(plan.reduced);
  if (kept == size || reduced == size) return false;  // the results do not lie as a kernel wants
  // Lanes of whole words are gathered as fast as they are copied.
  return r.ordered || size < 4 || kept < reduced;
}

/// A copy without gaps, its dims in the order in which they lie in memory.
static TensorRef packed(Tensor& t) {
  int order[max_ndim];
  for (int d = 0; d < t.ndim; ++d) order[d] = d;
  std::stable_sort(order, order + t.ndim,
                   [&](int a, int b) { return std::abs(t.strides[a]) > std::abs(t.strides[b]); });
  Dims strides = sizes_of(t);
  int64_t step = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    strides[order[i]] = step;
    step *= t.sizes[order[i]];
  }
  TensorRef copy = empty_strided(sizes_of(t), strides, t.dtype);
  copy_bytes(*copy, t);
  return copy;
}

/// The kernel's layout: 'r' where the reduced dimension is contiguous in all inputs ('t' where
/// several short ones fit side by side), 'o' where the kept one is, 'g' otherwise.
static char mode_of(const Plan& plan, const std::vector<TensorRef>& inputs,
                    const std::vector<DType>& out_dtypes) {
  auto contiguous = [&](const std::vector<Axis>& axes) {
    if (axes.empty()) return false;
    for (size_t s = 0; s < inputs.size(); ++s)
      if (axes.back().strides[plan.n_out + s] != itemsize(inputs[s]->dtype)) return false;
    return true;
  };
  auto outputs_contiguous = [&] {
    for (int s = 0; s < plan.n_out; ++s)
      if (plan.kept.back().strides[s] != itemsize(out_dtypes[s])) return false;
    return true;
  };
  if (contiguous(plan.reduced)) {
    bool packed = plan.reduced.size() == 1 && !plan.kept.empty() &&
                  is_tiny(plan.count, plan.kept.back().size, inputs[0]->dtype) &&
                  outputs_contiguous();
    for (int s = plan.n_out; s < plan.n && packed; ++s)
      packed = std::abs(plan.kept.back().strides[s]) < (int64_t{1} << 24);
    return packed ? 't' : 'r';
  }
  return contiguous(plan.kept) && outputs_contiguous() ? 'o' : 'g';
}

/// Where each stream begins: a pointer on the CPU, an address or a parameter's bits on a GPU.
struct Streams {
  char* base[max_streams] = {};
  uint64_t addresses[max_streams];
};

static Streams streams_of(const std::vector<TensorRef>& results,
                          const std::vector<TensorRef>& inputs,
                          const std::vector<double>& parameters, bool here) {
  Streams streams;
  int s = 0;
  for (auto* tensors : {&results, &inputs})
    for (auto& t : *tensors) {
      if (here)
        streams.base[s] = t->as<char>();
      else
        streams.addresses[s] = t->address();
      ++s;
    }
  for (const double& parameter : parameters) {
    streams.base[s] = reinterpret_cast<char*>(const_cast<double*>(&parameter));
    streams.addresses[s++] = std::bit_cast<uint64_t>(parameter);
  }
  return streams;
}

/// The loop nest over all dims, kept and reduced ones apart. `sizes` are the results', with 1 for
/// reduced dims.
static Plan plan_of(const std::vector<TensorRef>& inputs, const bool* is_reduced, const Dims& sizes,
                    const std::vector<DType>& out_dtypes, size_t n_params) {
  const Tensor& model = *inputs[0];
  Plan plan;
  plan.n_out = static_cast<int>(out_dtypes.size());
  plan.n_params = static_cast<int>(n_params);
  plan.n = plan.n_out + static_cast<int>(inputs.size() + n_params);
  check(plan.n <= max_streams,
        [&] { return message("reduction: ", plan.n, " operands, at most ", max_streams, "."); });
  plan.outputs = sizes.product();
  plan.count = 1;
  const Dims out_strides = contiguous_strides(sizes);
  for (int d = 0; d < model.ndim; ++d) {
    Axis axis = {model.sizes[d], {}};
    for (int s = 0; s < plan.n_out; ++s)
      axis.strides[s] = is_reduced[d] ? 0 : out_strides[d] * itemsize(out_dtypes[s]);
    for (size_t s = 0; s < inputs.size(); ++s)
      axis.strides[plan.n_out + s] = inputs[s]->strides[d] * itemsize(inputs[s]->dtype);
    (is_reduced[d] ? plan.reduced : plan.kept).push_back(axis);
    if (is_reduced[d]) plan.count *= axis.size;
  }
  return plan;
}

/// The axes of the nest by the input's strides, where their order does not matter, and as few as
/// there can be.
static void order_axes(Plan& plan, bool ordered) {
  auto by_stride = [&](const Axis& a, const Axis& b) {
    return std::abs(a.strides[plan.n_out]) > std::abs(b.strides[plan.n_out]);
  };
  if (!ordered) std::stable_sort(plan.reduced.begin(), plan.reduced.end(), by_stride);
  std::stable_sort(plan.kept.begin(), plan.kept.end(), by_stride);
  if (plan.count == 0) plan.reduced = {Axis{0, {}}};
  merge(plan.kept, plan.n);
  merge(plan.reduced, plan.n);
}

std::vector<TensorRef> run_reduction(Reduction& r, const std::vector<TensorRef>& inputs,
                                     const Dims& dims, bool keepdim,
                                     const std::vector<DType>& out_dtypes,
                                     const std::vector<double>& parameters) {
  Tensor& model = *inputs[0];
  for (auto& t : inputs)
    check(sizes_of(*t) == sizes_of(model), [&] {
      return message("reduction: inputs of different shapes ", shape(model), " and ", shape(*t),
                     " (a fault of flambeau's own).");
    });
  bool is_reduced[max_ndim] = {};
  for (int i = 0; i < dims.n; ++i) is_reduced[dims[i]] = true;
  Dims result_sizes, full_sizes;
  for (int d = 0; d < model.ndim; ++d) {
    full_sizes.push(is_reduced[d] ? 1 : model.sizes[d]);
    if (!is_reduced[d] || keepdim) result_sizes.push(is_reduced[d] ? 1 : model.sizes[d]);
  }
  std::vector<TensorRef> results;
  for (DType d : out_dtypes) results.push_back(empty(result_sizes, d));
  if (model.is_meta()) return results;
  Plan plan = plan_of(inputs, is_reduced, full_sizes, out_dtypes, parameters.size());
  if (plan.outputs == 0) return results;
  order_axes(plan, r.ordered);
  const bool here = model.on_cpu();
  if (plan.reduced.size() > 2 || (!here && plan.kept.size() > 2))
    return run_reduction(r, with_reduced_innermost(inputs, is_reduced), dims, keepdim, out_dtypes,
                         parameters);
  std::vector<DType> in_dtypes;
  for (auto& t : inputs) in_dtypes.push_back(t->dtype);
  in_dtypes.resize(in_dtypes.size() + parameters.size(), DType::float64);
  Streams streams = streams_of(results, inputs, parameters, here);
  if (!here) {
    reduce_on_device({plan, model.device().index, streams.addresses,
                      [&](char mode, const char* stage) {
                        return find_kernel(r, in_dtypes, out_dtypes, mode, stage);
                      },
                      [&](const std::vector<DType>& states) {
                        return find_kernel(r, in_dtypes, states, 'g', "partial");
                      },
                      [&] { return state_dtypes(r, in_dtypes, out_dtypes); }});
    return results;
  }
  plan.mode = mode_of(plan, inputs, out_dtypes);
  if (plan.mode == 'g' && is_better_packed(r, plan, inputs))
    return run_reduction(r, {packed(model)}, dims, keepdim, out_dtypes, parameters);
  if (plan.count >= least_split && plan.outputs <= 16) {
    if (plan.mode == 'o') plan.mode = 'g';
    run_split(r, plan, streams.base, in_dtypes, out_dtypes);
  } else {
    run_whole(plan, find_kernel(r, in_dtypes, out_dtypes, plan.mode, "full"), streams.base);
  }
  return results;
}

// ------------------------------------------------------------------------------------- sum, with
// history

namespace {

struct SumNode {
  Node node;
  Dims sizes, kept;  // the input's, and with 1 for the reduced dimensions
  double factor;
};

void sum_backward(Node* node, TensorRef* grad_outputs, TensorRef* grad_inputs) {
  auto* self = reinterpret_cast<SumNode*>(node);
  TensorRef grad = grad_outputs[0];
  if (self->factor != 1) grad = mul_scalar(*grad, self->factor);
  if (!(sizes_of(*grad) == self->kept)) grad = view(*contiguous(*grad), self->kept);
  grad_inputs[0] = expand(*grad, self->sizes);
}
const NodeKind sum_kind = {sum_backward, nothing, destroy_as<SumNode>};

}  // namespace

/// Neighbouring dims of a short contiguous tensor, by a kernel that is already there; false if that
/// is not the case.
static bool reduce_short(Reduction& r, Tensor& t, const Dims& dims, bool keepdim,
                         const DType* out_dtypes, int n_results, const double* parameter,
                         TensorRef* results) {
  if (!t.contiguous || t.numel == 0 || t.numel > chunk_elements || dims.n == 0 || !t.on_cpu())
    return false;
  int first = static_cast<int>(dims[0]), end = first + dims.n;
  for (int i = 1; i < dims.n; ++i)
    if (dims[i] != first + i) return false;
  int64_t outer = 1, count = 1, inner = 1;
  for (int d = 0; d < t.ndim; ++d) (d < first ? outer : d < end ? count : inner) *= t.sizes[d];
  DType ins[] = {t.dtype, DType::float64};
  char mode = inner > 1 ? 'o' : is_tiny(count, outer, t.dtype) ? 't' : 'r';
  ReduceKernel kernel = known_kernel(r, kernel_key(ins, parameter ? 2 : 1, out_dtypes,
                                                   static_cast<size_t>(n_results), mode, "full"));
  if (!kernel) return false;
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d) {
    bool reduced = d >= first && d < end;
    if (!reduced || keepdim) sizes.push(reduced ? 1 : t.sizes[d]);
  }
  char* ptrs[max_streams];
  int64_t steps[max_streams] = {}, red1[max_streams] = {};
  int64_t outputs = inner == 1 ? outer : inner;
  for (int i = 0; i < n_results; ++i) {
    results[i] = empty(sizes, out_dtypes[i]);
    ptrs[i] = results[i]->as<char>();
    steps[i] = itemsize(out_dtypes[i]);
  }
  int64_t size = itemsize(t.dtype);
  ptrs[n_results] = t.as<char>();
  ptrs[n_results + 1] = reinterpret_cast<char*>(const_cast<double*>(parameter));
  steps[n_results] = inner == 1 ? count * size : size;
  red1[n_results] = inner * size;
  for (int64_t i = 0; i < (inner == 1 ? 1 : outer); ++i) {
    kernel(outputs, 1, count, ptrs, steps, none, red1, 0);
    for (int k = 0; k < n_results; ++k) ptrs[k] += inner * itemsize(out_dtypes[k]);
    ptrs[n_results] += count * inner * size;
  }
  return true;
}

void reduce_one(Reduction& r, Tensor& t, const Dims& dims, bool keepdim, const DType* out_dtypes,
                int n_results, const double* parameter, TensorRef* results) {
  if (reduce_short(r, t, dims, keepdim, out_dtypes, n_results, parameter, results)) return;
  std::vector<double> parameters;
  if (parameter) parameters.push_back(*parameter);
  std::vector<TensorRef> made = run_reduction(r, {TensorRef::borrow(&t)}, dims, keepdim,
                                              {out_dtypes, out_dtypes + n_results}, parameters);
  for (int i = 0; i < n_results; ++i) results[i] = std::move(made[static_cast<size_t>(i)]);
}

TensorRef sum_like(const char* operator_name, Tensor& t, const Dims& dims, bool keepdim, DType out,
                   double factor) {
  if (is_batched(t))
    return on_value(t, [&](Tensor& value, int n) {
      return sum_like(operator_name, value, shifted(dims, n), keepdim, out, factor);
    });
  auto& reduction = *reinterpret_cast<Reduction*>(bound_operator(operator_name));
  TensorRef result;
  const char* total = operator_name[0] == 'm' ? "rmean" : "rsum";
  if (t.numel < waiting::least_numel ||
      !reduce_in_pieces(reduction, total, t, dims, keepdim, out, result))
    reduce_one(reduction, t, dims, keepdim, &out, 1, nullptr, &result);
  if (needs_record(t) && is_differentiable(t.dtype) && is_differentiable(out)) {
    static PyTypeObject* types[2] = {node_subtype("SumBackward0"), node_subtype("MeanBackward0")};
    Ref<SumNode> node =
        make_node<SumNode>(types[factor != 1 || operator_name[0] == 'm'], &sum_kind);
    node->sizes = sizes_of(t);
    node->kept = node->sizes;
    for (int i = 0; i < dims.n; ++i) node->kept[static_cast<int>(dims[i])] = 1;
    node->factor = factor;
    node->node.set_edges(1);
    set_edge(&node->node, 0, &t);
    set_history(*result, &node->node);
  }
  return result;
}

TensorRef sum(Tensor& t, const Dims& dims, bool keepdim) {
  return sum_like("sum_reduction", t, dims, keepdim,
                  is_differentiable(t.dtype) ? t.dtype : DType::int64, 1);
}

}  // namespace flambeau

// Reading by index and by mask, and the module of all raw functions.
#include "python/ways/index.h"

#include "kernels/index/index.h"
#include "kernels/index/nonzero.h"
#include "kernels/index/scatter.h"
#include "python/ways/index_args.h"

namespace flambeau {

namespace {

// ---- reading by index

PyObject* py_gather(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef index = args.index(2);
  check(std::max<int>(1, input.ndim) == std::max<int>(1, index->ndim) || index->numel == 0, [&] {
    return message("gather: index ", shape(*index), " has ", int{index->ndim}, " dims, but input ",
                   shape(input), " has ", int{input.ndim}, ". They must be equal.");
  });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  if (index->numel == 0) return out.release_py();
  for (int d = 0; d < input.ndim; ++d)
    check(d == dim || index->sizes[d] <= input.sizes[d], [&] {
      return message("gather: index ", shape(*index), " is larger than input ", shape(input),
                     " in dim ", d, ". Only dim ", dim, ", which it gathers along, may be.");
    });
  if (out->is_meta()) return out.release_py();
  Lanes to(*out), from(input), at(*index);
  LongWork unlocked(out->numel > grain);
  gather(to, from, dim, at);
  return out.release_py();
}

PyObject* py_index_select(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  int dim = args.dim(1, input);
  TensorRef index = args.index(2);
  check<IndexError>(index->ndim <= 1, [&] {
    return message("index_select: index ", shape(*index),
                   " must be a vector (1 dim) or a single number.");
  });
  check(input.ndim > 0 || index->numel == 1, [&] {
    return message("index_select: input is a number, which takes 1 index, but index has ",
                   index->numel, ".");
  });
  TensorRef out = empty(with_size(input, dim, index->numel), input.dtype);
  if (out->is_meta()) return out.release_py();
  Lanes to(*out), from(input), at(*index);
  LongWork unlocked(out->numel > grain);
  index_select("index_select", to, from, dim, at);
  return out.release_py();
}

/// embedding(weight (N, D), index (*)) -> (*, D)
PyObject* py_embedding(const IndexArgs& args) {
  Tensor& weight = args.tensor(0, "weight");
  TensorRef index = args.index(1, "input");
  check(weight.ndim == 2, [&] {
    return message("embedding: weight must be (rows, features), but it is ", shape(weight), ".");
  });
  Dims sizes = sizes_of(*index);
  sizes.push(weight.sizes[1]);
  TensorRef out = empty(sizes, weight.dtype);
  if (out->is_meta()) return out.release_py();
  TensorRef flat = reshape(*index, {index->numel});
  TensorRef rows = raw_view(*out, {index->numel, weight.sizes[1]}, {weight.sizes[1], 1}, 0);
  Strided to = rows->strided(), from = weight.strided(), at = flat->strided();
  {
    LongWork unlocked(out->numel > grain);
    index_select("embedding", to, from, 0, at);
  }
  return out.release_py();
}

PyObject* cells_at(Tensor& input, const std::vector<Tensor*>& indices) {
  AdvancedIndex index(input, indices, "indexing");
  TensorRef out = empty(index.result_sizes(), input.dtype);
  if (out->is_meta()) return out.release_py();
  Strided to = out->strided(), from = input.strided();
  {
    LongWork unlocked(out->numel > grain);
    flambeau::index(to, from, index.selection());
  }
  return out.release_py();
}

PyObject* py_index(const IndexArgs& args) {
  return cells_at(args.tensor(0, "input"), args.indices(1));
}

/// input[index] of one tensor of int64 with dims; NotImplemented of anything else.
PyObject* py_index_first(const IndexArgs& args) {
  Tensor &input = args.tensor(0, "input"), &index = args.tensor(1, "index");
  if (index.dtype != DType::int64 || index.ndim == 0 || input.ndim == 0)
    return Py_NewRef(Py_NotImplemented);
  return cells_at(input, {&index});
}

PyObject* py_take(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  TensorRef index = args.index(1);
  check<IndexError>(input.numel > 0 || index->numel == 0, [] {
    return message("take: input is empty, so there is nothing for an index to take.");
  });
  TensorRef out = empty(sizes_of(*index), input.dtype);
  if (out->is_meta()) return out.release_py();
  Strided to = out->strided(), from = input.strided(), at = index->strided();
  {
    LongWork unlocked(out->numel > grain);
    take(to, from, at);
  }
  return out.release_py();
}

// ---- masks

PyObject* py_nonzero(const IndexArgs& args) {
  return nonzero(args.tensor(0, "input")).release_py();
}

PyObject* py_masked_select(const IndexArgs& args) {
  Tensor& input = args.tensor(0, "input");
  Tensor& mask = mask_arg(args, 1);
  Dims sizes = broadcast_sizes(sizes_of(input), sizes_of(mask), "masked_select");
  Dims input_strides = broadcast_strides(input, sizes),
       mask_strides = broadcast_strides(mask, sizes);
  Strided from{input.data(), input.dtype, sizes.n, sizes.v, input_strides.v};
  Strided keep{mask.data(), mask.dtype, sizes.n, sizes.v, mask_strides.v};
  NonzeroCounts counts = count_nonzero(keep);
  TensorRef out = empty({counts.total()}, input.dtype);
  Strided to = out->strided();
  {
    LongWork unlocked(sizes.product() > grain);
    masked_select(to, from, keep, counts);
  }
  return out.release_py();
}

}  // namespace

PyMethodDef index_methods[] = {
    method<"gather", py_gather>(),
    method<"index_select", py_index_select>(),
    method<"embedding", py_embedding>(),
    method<"index", py_index, Mixing::indices>(),
    method<"index_first", py_index_first, Mixing::second>(),
    method<"take", py_take>(),
    method<"nonzero", py_nonzero>(),
    method<"masked_select", py_masked_select>(),
    {nullptr, nullptr, 0, nullptr},
};

PyObject* index_range_error = nullptr;

namespace {

PyModuleDef module_definition = {PyModuleDef_HEAD_INIT,
                                 "flambeau._core.indexing",
                                 nullptr,
                                 -1,
                                 index_methods,
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 nullptr};

}  // namespace

void initialize_indexing(PyObject* core) {
  Object module = Object::steal(PyModule_Create(&module_definition));
  Object bases = Object::steal(PyTuple_Pack(2, PyExc_IndexError, PyExc_RuntimeError));
  if (!module || !bases) throw PythonError();
  for (PyMethodDef* more : {scatter_methods, order_methods, scan_methods})
    if (PyModule_AddFunctions(module.get(), more) < 0) throw PythonError();
  index_range_error = PyErr_NewExceptionWithDoc(
      "flambeau.IndexRangeError", "An index outside of its dimension.", bases.get(), nullptr);
  if (!index_range_error ||
      PyModule_AddObjectRef(module.get(), "IndexRangeError", index_range_error) < 0 ||
      PyModule_AddObjectRef(core, "indexing", module.get()) < 0)
    throw PythonError();
}

}  // namespace flambeau

#include "dispatch/shapes.h"

#include <algorithm>

#include "tensor/sparse.h"

namespace flambeau {

Dims wrapped_dims(Dims dims, int ndim, const char* operator_name) {
  bool seen[max_ndim] = {};
  for (int i = 0; i < dims.n; ++i) {
    const int64_t given = std::exchange(dims[i], wrap_dim(dims[i], ndim, operator_name));
    check(!std::exchange(seen[dims[i]], true), [&] {
      return message(operator_name, ": dim ", given,
                     " is named more than once. Name each dim once.");
    });
  }
  return dims;
}

Dims reduced_dims(const Dims& dims, int ndim, const char* operator_name) {
  check(ndim <= most_reducible_dims, [&] {
    return message(operator_name, ": input has ", ndim, " dimensions; reductions take at most ",
                   most_reducible_dims, ". Flatten some of them.");
  });
  const Dims wrapped = wrapped_dims(dims, ndim, operator_name);
  return wrapped.n == 0 || ndim == 0 ? all_dims(ndim) : wrapped;
}

TensorRef transpose_matrix(Tensor& t) {
  check(t.ndim <= 2, [&] {
    return message("t: input ", shape(t),
                   " has more than 2 dims. Use .mT to exchange the last two, or permute.");
  });
  return t.ndim < 2 ? view(t, sizes_of(t)) : transpose(t, 0, 1);
}

TensorRef narrow(Tensor& t, int64_t dim, int64_t start, int64_t length) {
  check(t.ndim > 0, [] { return message("narrow: a 0-dim tensor has no dim to narrow."); });
  int d = wrap_dim(dim, t.ndim, "narrow");
  const int64_t size = t.sizes[d];
  check(length >= 0,
        [&] { return message("narrow: length is ", length, "; it must be 0 or more."); });
  check<IndexError>(start >= -size && start <= size, [&] {
    return message("narrow: start ", start, " is outside dim ", d, " of size ", size,
                   " (allowed are ", -size, " to ", size, ").");
  });
  if (start < 0) start += size;
  check(length <= size - start, [&] {
    return message("narrow: start ", start, " and length ", length, " reach beyond dim ", d,
                   " of size ", size, ".");
  });
  return slice(t, d, start, start + length, 1);
}

TensorRef flatten(Tensor& t, int64_t first, int64_t last) {
  const int from = wrap_dim(first, t.ndim, "flatten"), to = wrap_dim(last, t.ndim, "flatten");
  if (t.ndim == 0) return reshape(t, {1});
  check(from <= to,
        [&] { return message("flatten: start_dim ", from, " stands behind end_dim ", to, "."); });
  if (from == to) return TensorRef::borrow(&t);
  Dims sizes;
  int64_t joined = 1;
  for (int d = 0; d < t.ndim; ++d) {
    if (d >= from && d <= to && __builtin_mul_overflow(joined, t.sizes[d], &joined))
      throw_too_large(sizes_of(t));
    if (d < from || d > to) sizes.push(t.sizes[d]);
    if (d == to) sizes.push(joined);
  }
  return reshape(t, sizes);
}

std::vector<TensorRef> split_evenly(Tensor& t, int64_t size, int64_t dim,
                                    const char* operator_name) {
  check(t.ndim > 0, [&] {
    return message(operator_name, ": a 0-dim tensor cannot be split; it needs 1 dim or more.");
  });
  int d = wrap_dim(dim, t.ndim, operator_name);
  check(size >= 0 && (size > 0 || t.sizes[d] == 0), [&] {
    return message(operator_name, ": the size of the parts is ", size, "; it must be 1 or more.");
  });
  std::vector<int64_t> sizes;
  int64_t parts = size > 0 ? (t.sizes[d] - 1) / size + 1 : 1;
  check_room(parts > INT64_MAX / 512 ? INT64_MAX : parts * 256);  // what a view takes, and more
  sizes.reserve(static_cast<size_t>(parts));
  for (int64_t left = t.sizes[d]; left > 0; left -= size) sizes.push_back(std::min(size, left));
  if (sizes.empty()) sizes.push_back(0);
  return split(t, sizes, d);
}

std::vector<TensorRef> chunk(Tensor& t, int64_t chunks, int64_t dim) {
  check(chunks > 0,
        [&] { return message("chunk: chunks is ", chunks, "; it must be 1 or more."); });
  check(t.ndim > 0,
        [] { return message("chunk: a 0-dim tensor cannot be split; it needs 1 dim or more."); });
  int d = wrap_dim(dim, t.ndim, "chunk");
  int64_t size = t.sizes[d] == 0 ? 0 : (t.sizes[d] - 1) / chunks + 1;
  if (size == 0) {
    check_room(chunks > INT64_MAX / 512 ? INT64_MAX : chunks * 256);
    return split(t, std::vector<int64_t>(static_cast<size_t>(chunks), 0), d);
  }
  return split_evenly(t, size, d, "chunk");
}

TensorRef reversed(Tensor& t) {
  Dims order;
  for (int d = t.ndim - 1; d >= 0; --d) order.push(d);
  return permute(t, order);
}

TensorRef matrices_turned(Tensor& t) {
  check(t.ndim >= 2, [&] { return message("mT: tensor ", shape(t), " has fewer than 2 dims."); });
  return transpose(t, -2, -1);
}

int64_t bytes_of_elements(const Tensor& t) {
  check(!is_sparse(t), [&] {
    return message("nbytes: ", name(layout_of(t)),
                   " tensors have no bytes of their own. Add those of its indices and values.");
  });
  return t.nbytes();
}

}  // namespace flambeau

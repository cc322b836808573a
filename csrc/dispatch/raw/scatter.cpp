// Writing by index and by mask: the first argument is changed and returned.
#include "kernels/index/scatter.h"

#include "dispatch/overlap.h"
#include "dispatch/raw/index.h"
#include "dispatch/raw/lanes.h"
#include "kernels/index/index.h"
#include "kernels/index/nonzero.h"

namespace flambeau::raw {

/// Checks what scatter and scatter_ take; returns dim counted from the first.
static int check_scatter(const char* op, Tensor& self, int64_t given_dim, Tensor& index,
                         Tensor& src) {
  int dim = wrap_dim(given_dim, self.ndim, op);
  if (index.numel == 0) return dim;
  for (const auto& [tensor, role] : {std::pair{&self, "self"}, std::pair{&src, "src"}})
    check(std::max<int>(1, tensor->ndim) == std::max<int>(1, index.ndim), [&] {
      return message(op, ": index ", shape(index), " has ", int{index.ndim}, " dims, but ", role,
                     " ", shape(*tensor), " has ", int{tensor->ndim}, ". They must be equal.");
    });
  check_same_dtype(self, src, op, "src");
  for (int d = 0; d < index.ndim; ++d) {
    check((d == dim || index.sizes[d] <= size_at(self, d)) && index.sizes[d] <= size_at(src, d),
          [&] {
            return message(op, ": index ", shape(index), " is larger than src ", shape(src),
                           ", or than self ", shape(self), " in a dim other than ", dim,
                           ". It must fit into both.");
          });
  }
  return dim;
}

Tensor& scatter_(Called op, Tensor& self, int64_t given_dim, Tensor& given_index, Tensor& src,
                 Combine combine, bool include_self) {
  TensorRef index = places(given_index, op);
  int dim = check_scatter(op, self, given_dim, *index, src);
  if (index->numel == 0) return self;
  check_writable(self, op);
  TensorRef apart_src = disjoint(src, self, op, "src");
  TensorRef apart_index = disjoint(*index, self, op, "index");
  if (!self.is_meta()) {
    Lanes to(self), at(*apart_index), from(*apart_src);
    LongWork unlocked(index->numel > grain);
    scatter(op, to, dim, at, from, combine, include_self);
  }
  self.bump_version(op);
  return self;
}

/// Whether every element of t is one number of zero bytes.
static bool is_zero_expanded(Tensor& t) {
  for (int d = 0; d < t.ndim; ++d)
    if (t.strides[d] != 0 && t.sizes[d] != 1) return false;
  const char* bytes = t.as<char>();
  return std::all_of(bytes, bytes + itemsize(t.dtype), [](char byte) { return byte == 0; });
}

static TensorRef row_major(Tensor& t) { return clone_with(t, contiguous_strides(sizes_of(t))); }

TensorRef scatter(Called op, Tensor& self, int64_t given_dim, Tensor& given_index, Tensor& src,
                  Combine combine) {
  TensorRef index = places(given_index, op);
  int dim = check_scatter(op, self, given_dim, *index, src);
  if (self.is_meta() || index->numel == 0) return row_major(self);
  const bool zeros = self.numel > 0 && is_zero_expanded(self);
  // A number may stand for a vector of one.
  const bool alike = self.ndim > 0 && index->ndim == self.ndim && src.ndim == self.ndim;
  if (!alike || !index->contiguous || !(zeros || self.contiguous)) {
    TensorRef out = row_major(self);
    scatter_(op, *out, dim, *index, src, combine, true);
    return out;
  }
  TensorRef out = empty(sizes_of(self), self.dtype);
  Strided to = out->strided(), at = index->strided(), from = src.strided();
  LongWork unlocked(out->numel > grain);
  scatter_copy(op, to, zeros ? nullptr : self.data(), dim, at, from, combine);
  return out;
}

/// Checks what index_write and index_write_ take; returns dim counted from the first.
static int check_index_write(const char* op, Tensor& self, int64_t given_dim, Tensor& index,
                             Tensor& source) {
  int dim = wrap_dim(given_dim, self.ndim, op);
  check<IndexError>(index.ndim <= 1, [&] {
    return message(op, ": index ", shape(index), " must be a vector (1 dim) or a single number.");
  });
  check_same_dtype(self, source, op, "source");
  check<IndexError>(self.ndim > 0 || index.numel == 1, [&] {
    return message(op, ": input is a number, which takes 1 index, but index has ", index.numel,
                   ".");
  });
  Dims wanted = with_size(self, dim, index.numel);
  // A number may stand for a vector of one.
  bool scalars = source.numel == 1 && source.ndim <= 1 && self.ndim <= 1 && index.numel == 1;
  check<IndexError>(scalars || sizes_of(source) == wanted, [&] {
    return message(op, ": source is ", shape(source), "; with ", index.numel, " indices along dim ",
                   dim, " of self ", shape(self), " it must be ", to_string(wanted), ".");
  });
  return dim;
}

TensorRef index_write(Called op, Tensor& self, int64_t given_dim, Tensor& given_index,
                      Tensor& source, Combine combine) {
  TensorRef index = places(given_index, op);
  const int dim = check_index_write(op, self, given_dim, *index, source);
  if (self.is_meta()) return row_major(self);
  const bool alike = self.ndim > 0 && index->ndim == 1 && source.ndim == self.ndim;
  if (!alike || !self.contiguous) {
    TensorRef out = row_major(self);
    index_write_(op, *out, dim, *index, source, combine, true);
    return out;
  }
  TensorRef out = empty(sizes_of(self), self.dtype);
  Strided to = out->strided(), at = index->strided(), from = source.strided();
  LongWork unlocked(out->numel > grain);
  index_write_copy(op, to, self.data(), dim, at, from, combine);
  return out;
}

/// index_write_(self, dim, index, source, combine, include_self)
Tensor& index_write_(Called op, Tensor& self, int64_t given_dim, Tensor& given_index,
                     Tensor& source, Combine combine, bool include_self) {
  TensorRef index = places(given_index, op);
  const int dim = check_index_write(op, self, given_dim, *index, source);
  if (op.name == std::string_view("index_fill_"))
    warn_of_repeats(self, op);
  else
    check_writable(self, op);
  TensorRef apart_source = disjoint(source, self, op, "source");
  TensorRef apart_index = disjoint(*index, self, op, "index");
  if (!self.is_meta()) {
    Lanes to(self), at(*apart_index), from(*apart_source);
    LongWork unlocked(source.numel > grain);
    index_write(op, to, dim, at, from, combine, include_self);
  }
  self.bump_version(op);
  return self;
}

Tensor& index_put_(Tensor& self, std::vector<Tensor*> indices, Tensor& given_values,
                   bool accumulate) {
  TensorRef apart_values = disjoint(given_values, self, "index_put_", "values");
  Tensor& values = *apart_values;
  // What masks select is not known there.
  bool unknown = false;
  for (Tensor* index : indices)
    unknown |= index && index->is_meta() && index->dtype == DType::bool_;
  if (unknown && self.is_meta()) {
    self.bump_version("index_put_");
    return self;
  }
  std::vector<TensorRef> apart_indices(indices.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i]) continue;
    apart_indices[i] = disjoint(*indices[i], self, "index_put_", "an index");
    indices[i] = apart_indices[i].get();
  }
  AdvancedIndex index(self, indices, "index_put_");
  check(self.dtype == values.dtype, [&] {
    return message("index_put_: values are ", name(values.dtype), " and self is ", name(self.dtype),
                   ". Convert the values with .to(self.dtype).");
  });
  const Dims& sizes = index.result_sizes();
  // As in NumPy, superfluous leading dims of size 1 do not matter.
  int extra = std::max(0, values.ndim - sizes.n);
  Dims strides;
  bool fits = true;
  for (int d = 0; d < extra; ++d) fits = fits && values.sizes[d] == 1;
  int missing = sizes.n + extra - values.ndim;
  for (int d = 0; d < sizes.n; ++d) {
    int from = d + extra - missing;
    int64_t size = from < extra ? 1 : values.sizes[from];
    fits = fits && (size == 1 || size == sizes[d]);
    strides.push(size == 1 ? 0 : values.strides[from]);
  }
  check(fits, [&] {
    return message("index_put_: values ", shape(values), " do not broadcast to ", to_string(sizes),
                   ", the shape that the indices select.");
  });
  warn_of_repeats(self, "index_put_");
  if (!self.is_meta()) {
    Strided to = self.strided(), from{values.data(), values.dtype, sizes.n, sizes.v, strides.v};
    LongWork unlocked(sizes.product() > grain);
    index_put(to, index.selection(), from, accumulate);
  }
  self.bump_version("index_put_");
  return self;
}

Tensor& put_(Tensor& self, Tensor& given_index, Tensor& source, bool accumulate) {
  TensorRef index = places(given_index, "put_");
  check_same_dtype(self, source, "put_", "source");
  check(index->numel == source.numel, [&] {
    return message("put_: source has ", source.numel, " elements for ", index->numel,
                   " indices. There must be one for each.");
  });
  check_writable(self, "put_");
  TensorRef apart_index = disjoint(*index, self, "put_", "index");
  TensorRef flat_index = reshape(*apart_index, {index->numel});
  TensorRef flat_source = reshape(*disjoint(source, self, "put_", "source"), {index->numel});
  if (!self.is_meta()) {
    Strided to = self.strided(), at = flat_index->strided(), from = flat_source->strided();
    LongWork unlocked(source.numel > grain);
    put(to, at, from, accumulate);
  }
  self.bump_version("put_");
  return self;
}

Tensor& masked_scatter_(Tensor& self, Tensor& mask, Tensor& source) {
  check_mask(mask, "masked_scatter_");
  check(self.dtype == source.dtype, [&] {
    return message("masked_scatter_: source is ", name(source.dtype), " and self is ",
                   name(self.dtype), ". Convert source with .to(self.dtype).");
  });
  Dims sizes = sizes_of(self);
  check(broadcast_sizes(sizes, sizes_of(mask), "masked_scatter_") == sizes, [&] {
    return message("masked_scatter_: mask ", shape(mask), " does not broadcast to self ",
                   shape(self), ".");
  });
  if (self.is_meta()) {
    check_writable(self, "masked_scatter_");
    self.bump_version("masked_scatter_");
    return self;
  }
  Dims mask_strides = broadcast_strides(mask, sizes);
  Strided to = self.strided(), write{mask.data(), mask.dtype, sizes.n, sizes.v, mask_strides.v};
  NonzeroCounts counts = count_nonzero(write);
  check(counts.total() <= source.numel, [&] {
    return message("masked_scatter_: the mask selects ", counts.total(),
                   " elements, but source has only ", source.numel, ".");
  });
  check_writable(self, "masked_scatter_");
  TensorRef flat = reshape(*apart(source, self), {source.numel});
  Strided from = flat->strided();
  {
    LongWork unlocked(self.numel > grain);
    masked_scatter(to, write, from, counts);
  }
  self.bump_version("masked_scatter_");
  return self;
}

}  // namespace flambeau::raw

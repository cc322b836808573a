#include "dispatch/advanced_index.h"

#include "dispatch/basics.h"
#include "kernels/index/nonzero.h"

namespace flambeau {

TensorRef as_int64(Tensor& index) {
  return index.dtype == DType::int64 ? TensorRef::borrow(&index) : to_dtype(index, DType::int64);
}

TensorRef nonzero(const Tensor& t) {
  Strided view = t.strided();
  NonzeroCounts counts = count_nonzero(view);
  TensorRef out = empty({counts.total(), t.ndim}, DType::int64);
  nonzero(out->strided(), view, counts);
  return out;
}

void AdvancedIndex::add(int dim, TensorRef index, const Dims& sizes, const Dims& strides,
                        int64_t offset) {
  tensors_.push_back(std::move(index));
  dims_.push_back(dim);
  sizes_.push_back(sizes);
  strides_.push_back(strides);
  offsets_.push_back(offset);
}

AdvancedIndex::AdvancedIndex(const Tensor& self, const std::vector<Tensor*>& items,
                             const char* operator_name) {
  int dim = 0;
  for (Tensor* item : items) {
    if (!item) {
      ++dim;
      continue;
    }
    bool mask = item->dtype == DType::bool_ || item->dtype == DType::uint8;
    int takes = mask ? item->ndim : 1;
    check<IndexError>(dim + takes <= self.ndim, [&] {
      return message(operator_name, ": the indices take ", dim + takes,
                     " or more dims, but the tensor ", shape(self), " has ", int{self.ndim}, ".");
    });
    if (!mask) {
      check<IndexError>(is_integral(item->dtype), [&] {
        return message(operator_name, ": an index is ", name(item->dtype),
                       ", but only integer and bool tensors index. Convert it with .long(), or "
                       ".bool() for a mask.");
      });
      TensorRef index = as_int64(*item);
      Dims sizes = sizes_of(*index), strides = strides_of(*index);
      add(dim++, std::move(index), sizes, strides, 0);
      continue;
    }
    add_mask(self, dim, *item, operator_name);
    dim += takes;
  }
  check<IndexError>(dim <= self.ndim, [&] {
    return message(operator_name, ": there are ", dim, " indices, but the tensor ", shape(self),
                   " has ", int{self.ndim}, " dims.");
  });
  check<IndexError>(!dims_.empty(),
                    [&] { return message(operator_name, ": needs at least one index tensor."); });
  const Dims common = broadcast(operator_name);
  for (size_t k = 0; k < dims_.size(); ++k)
    views_.push_back({tensors_[k]->is_meta() ? nullptr : tensors_[k]->as<int64_t>() + offsets_[k],
                      DType::int64, common.n, sizes_[k].v, strides_[k].v});
  place(self, common);
}

void AdvancedIndex::add_mask(const Tensor& self, int dim, Tensor& mask, const char* operator_name) {
  for (int d = 0; d < mask.ndim; ++d)
    check<IndexError>(mask.sizes[d] == self.sizes[dim + d], [&] {
      return message(operator_name, ": mask ", shape(mask), " has size ", mask.sizes[d], " in dim ",
                     d, ", but the tensor ", shape(self), " has ", self.sizes[dim + d], " in dim ",
                     dim + d, ". They must be equal.");
    });
  TensorRef coordinates = nonzero(mask);
  for (int d = 0; d < mask.ndim; ++d)
    add(dim + d, coordinates, {coordinates->sizes[0]}, {int64_t{mask.ndim}}, d);
}

Dims AdvancedIndex::broadcast(const char* operator_name) {
  Dims common = sizes_[0];
  for (size_t k = 1; k < sizes_.size(); ++k) {
    Dims merged;
    const Dims &a = common, &b = sizes_[k];
    for (int n = std::max(a.n, b.n), d = 0; d < n; ++d) {
      int64_t x = d < n - a.n ? 1 : a[d - (n - a.n)], y = d < n - b.n ? 1 : b[d - (n - b.n)];
      check<IndexError>(x == y || x == 1 || y == 1, [&] {
        return message(operator_name, ": the index tensors ", to_string(a), " and ", to_string(b),
                       " do not broadcast. Give them one shape, or size 1 where they differ.");
      });
      merged.push(x == 1 ? y : x);
    }
    common = merged;
  }
  for (size_t k = 0; k < dims_.size(); ++k) {
    Dims strides;
    int added = common.n - sizes_[k].n;
    for (int d = 0; d < common.n; ++d)
      strides.push(d < added || sizes_[k][d - added] == 1 ? 0 : strides_[k][d - added]);
    sizes_[k] = common;
    strides_[k] = strides;
  }
  return common;
}

void AdvancedIndex::place(const Tensor& self, const Dims& common) {
  // Neighbouring indexed dims are replaced where they stand; scattered ones move to the front.
  bool neighbours = dims_.back() - dims_.front() + 1 == static_cast<int>(dims_.size());
  position_ = neighbours ? dims_.front() : 0;
  size_t k = 0;
  int kept = 0;
  auto put_common = [&] {
    if (kept == position_)
      for (int d = 0; d < common.n; ++d) result_sizes_.push(common[d]);
  };
  put_common();
  for (int d = 0; d < self.ndim; ++d) {
    if (k < dims_.size() && dims_[k] == d) {
      ++k;
      continue;
    }
    result_sizes_.push(self.sizes[d]);
    ++kept;
    put_common();
  }
}

}  // namespace flambeau

#include "dispatch/sparse_parts.h"

#include <set>
#include <string>

#include "autograd/meta.h"
#include "tensor/objects.h"

namespace flambeau {

SparseParts& parts_of(const char* op, Tensor& t) {
  check(is_sparse(t), [&] {
    return message(op, ": takes a sparse tensor, not a strided one, ", describe(t), ".");
  });
  return *t.storage->sparse;
}

TensorRef sparse_of_parts(Layout layout, Tensor* compressed, Tensor& indices, Tensor& values,
                          const Dims& sizes, int64_t dense_dim, bool coalesced) {
  SparseParts parts;
  parts.layout = layout;
  if (compressed) parts.compressed = alias(*compressed);
  parts.indices = alias(indices);
  parts.values = alias(values);
  parts.dense_dim = static_cast<uint8_t>(dense_dim);
  parts.coalesced = coalesced;
  return make_sparse(std::move(parts), sizes);
}

std::tuple<int64_t, TensorRef, TensorRef, TensorRef, int64_t, bool> shown_parts(Called op,
                                                                                Tensor& t) {
  const SparseParts& parts = parts_of(op, t);
  auto shown = [](const TensorRef& part) { return part ? alias(*part) : TensorRef(); };
  return {static_cast<int64_t>(parts.layout),
          shown(parts.compressed),
          shown(parts.indices),
          shown(parts.values),
          parts.dense_dim,
          parts.coalesced};
}

Object found_of(Called op, Tensor& t) {
  SparseParts& parts = parts_of(op, t);
  if (!parts.found) parts.found = owned(PyDict_New());
  return parts.found;
}

Tensor& become_sparse(Called op, Tensor& t, Tensor& other, std::string_view name) {
  static std::set<std::string, std::less<>> writers;  // storages remember who wrote last
  const char* writer = writers.emplace(name).first->c_str();
  parts_of(op, t);
  check(is_sparse(other),
        [&] { return message(writer, ": a sparse tensor cannot become a strided one in place."); });
  const bool records = grad_mode_enabled && requires_grad(other);
  check_inplace(t, writer, records);
  TensorRef kept = TensorRef::borrow(&other);
  take_parts(t, other);
  t.bump_version(writer);
  if (records && other.autograd && other.autograd->grad_fn) {
    t.requires_grad_leaf = false;
    set_history(t, other.autograd->grad_fn.get(), other.autograd->output_nr);
  }
  return t;
}

}  // namespace flambeau

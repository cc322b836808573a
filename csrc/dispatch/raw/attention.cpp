// Attention of tensors without its matrix of weights, without history.
#include "kernels/attention/attention.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "dispatch/raw/attended.h"
#include "dispatch/raw/layers.h"

namespace flambeau::raw {

namespace {

/// The operands of a call, which give the problem its memory: query (*B, T, E), key (*B, S, E),
/// value (*B, S, V) of one dtype, mask (*B, T, S) of it, of bool, or None.
struct Operands {
  TensorRef query, key, value, mask;
  bool causal;
  double scale;
  WeightDropout dropout;

  Operands(const char* op, const AttentionOf& a)
      : query(rows_of(a.query)),
        key(rows_of(a.key)),
        value(rows_of(a.value)),
        mask(TensorRef::borrow(a.mask)),
        causal(a.causal),
        scale(a.scale),
        dropout{static_cast<float>(a.p), static_cast<uint64_t>(a.seed),
                static_cast<uint64_t>(a.call)} {
    const Tensor &q = *query, &k = *key, &v = *value;
    const int n = q.ndim;
    bool fits = n >= 2 && k.ndim == n && v.ndim == n && q.numel && k.numel && v.numel;
    const bool pairs = q.dtype == DType::bfloat16 && attends_bfloat16();
    fits = fits && (pairs || q.dtype == DType::float32 || q.dtype == DType::float64) &&
           k.dtype == q.dtype && v.dtype == q.dtype && (a.p == 0 || q.dtype != DType::float64);
    for (int d = 0; fits && d < n - 2; ++d)
      fits = q.sizes[d] == k.sizes[d] && q.sizes[d] == v.sizes[d];
    fits = fits && q.sizes[n - 1] == k.sizes[n - 1] && k.sizes[n - 2] == v.sizes[n - 2];
    if (fits && mask) {
      fits = mask->ndim == n && (mask->dtype == DType::bool_ || mask->dtype == q.dtype) &&
             mask->sizes[n - 2] == q.sizes[n - 2] && mask->sizes[n - 1] == k.sizes[n - 2];
      for (int d = 0; fits && d < n - 2; ++d) fits = mask->sizes[d] == q.sizes[d];
    }
    check(fits, [&] {
      return message(op, ": query ", describe(q), ", key ", describe(k), " and value ", describe(v),
                     " do not fit.");
    });
  }

  /// Where each matrix of a stack begins, in elements.
  static std::vector<int64_t> starts(const Tensor& t) {
    std::vector<int64_t> at{0};
    for (int d = 0; d < t.ndim - 2; ++d) {
      std::vector<int64_t> next;
      next.reserve(at.size() * t.sizes[d]);
      for (int64_t begin : at)
        for (int64_t i = 0; i < t.sizes[d]; ++i) next.push_back(begin + i * t.strides[d]);
      at = std::move(next);
    }
    return at;
  }
  template <class T>
  static Rows<const T> rows(const Tensor& t) {
    return {static_cast<const T*>(t.data()), starts(t), t.strides[t.ndim - 2]};
  }

  template <class T>
  Attention<T> problem() const {
    const int n = query->ndim;
    Attention<T> a;
    a.query = rows<T>(*query), a.key = rows<T>(*key), a.value = rows<T>(*value);
    a.n_heads = static_cast<int64_t>(a.query.at.size());
    a.n_queries = query->sizes[n - 2], a.n_keys = key->sizes[n - 2];
    a.E = query->sizes[n - 1], a.V = value->sizes[n - 1];
    a.scale = static_cast<computed_t<T>>(scale);
    a.causal = causal;
    a.dropout = dropout;
    if (mask) {
      a.mask_kind = mask->dtype == DType::bool_ ? MaskKind::visible : MaskKind::added;
      a.mask = mask->data();
      a.mask_at = starts(*mask);
      a.mask_row = mask->strides[n - 2], a.mask_column = mask->strides[n - 1];
    }
    return a;
  }
};

/// Of the norms of rows.
DType computed(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

/// fn(an element of the dtype)
template <class F>
auto in_any_dtype(DType dtype, F&& fn) {
  return dtype == DType::bfloat16 ? fn(bfloat16{}) : in_dtype(dtype, fn);
}

}  // namespace

std::optional<std::tuple<TensorRef, TensorRef>> attend(const AttentionOf& given) {
  Operands operands("attend", given);
  Dims sizes = sizes_of(*operands.query);
  const int n = sizes.n;
  sizes[n - 1] = operands.value->sizes[n - 1];
  TensorRef out = empty(sizes, operands.query->dtype);
  sizes[n - 1] = 2;
  TensorRef norms = empty(sizes, computed(operands.query->dtype));
  const bool all = in_any_dtype(out->dtype, [&](auto element) {
    using T = decltype(element);
    Attention<T> problem = operands.problem<T>();
    LongWork unlocked(problem.n_heads * problem.n_queries * problem.n_keys > 4096);
    return flambeau::attend(problem, out->as<T>(), norms->as<computed_t<T>>());
  });
  if (!all) return std::nullopt;
  return std::tuple(out, norms);
}

std::tuple<TensorRef, TensorRef, TensorRef> attend_backward(const AttentionOf& of, Tensor& out,
                                                            Tensor& norms, Tensor& given) {
  Operands operands("attend_backward", of);
  Tensor& q = *operands.query;
  Dims sizes = sizes_of(q), rows = sizes_of(q);
  sizes[sizes.n - 1] = operands.value->sizes[sizes.n - 1];
  rows[rows.n - 1] = 2;
  check(out.dtype == q.dtype && given.dtype == q.dtype && norms.dtype == computed(q.dtype) &&
            out.contiguous && norms.contiguous && sizes_of(out) == sizes &&
            sizes_of(given) == sizes && sizes_of(norms) == rows,
        [&] {
          return message("attend_backward: result ", describe(out), ", norms ", describe(norms),
                         " and gradient ", describe(given), " do not fit query ", describe(q), ".");
        });
  TensorRef grad = contiguous(given);
  TensorRef grad_query = empty(sizes_of(q), q.dtype);
  TensorRef grad_key = empty(sizes_of(*operands.key), q.dtype);
  TensorRef grad_value = empty(sizes_of(*operands.value), q.dtype);
  in_any_dtype(q.dtype, [&](auto element) {
    using T = decltype(element);
    Attention<T> problem = operands.problem<T>();
    LongWork unlocked(problem.n_heads * problem.n_queries * problem.n_keys > 4096);
    flambeau::attend_backward(problem, out.as<T>(), norms.as<computed_t<T>>(), grad->as<T>(),
                              grad_query->as<T>(), grad_key->as<T>(), grad_value->as<T>());
  });
  return {grad_query, grad_key, grad_value};
}

}  // namespace flambeau::raw

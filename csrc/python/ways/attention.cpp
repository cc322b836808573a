// Attention without its matrix of weights, as Python functions: what flambeau/ops/attention.py
// calls.
#include "kernels/attention/attention.h"

#include "dispatch/basics.h"
#include "dispatch/iterate.h"
#include "python/args.h"

namespace flambeau {

namespace {

/// The operands of a call, which give the problem its memory: query (*B, T, E), key (*B, S, E),
/// value (*B, S, V) of one dtype, mask (*B, T, S) of it, of bool, or None.
struct Operands {
  TensorRef query, key, value, mask;
  bool causal;
  double scale;

  Operands(const Args& a, int first)
      : query(rows_of(a.tensor(first))),
        key(rows_of(a.tensor(first + 1))),
        value(rows_of(a.tensor(first + 2))),
        mask(a.given(first + 3) ? TensorRef::borrow(&a.tensor(first + 3)) : TensorRef()),
        causal(a.truth(first + 4)),
        scale(PyFloat_AsDouble(a[first + 5])) {
    if (scale == -1 && PyErr_Occurred()) throw PythonError();
    const Tensor &q = *query, &k = *key, &v = *value;
    const int n = q.ndim;
    bool fits = n >= 2 && k.ndim == n && v.ndim == n && q.numel && k.numel && v.numel;
    fits = fits && (q.dtype == DType::float32 || q.dtype == DType::float64) && k.dtype == q.dtype &&
           v.dtype == q.dtype;
    for (int d = 0; fits && d < n - 2; ++d)
      fits = q.sizes[d] == k.sizes[d] && q.sizes[d] == v.sizes[d];
    fits = fits && q.sizes[n - 1] == k.sizes[n - 1] && k.sizes[n - 2] == v.sizes[n - 2];
    if (fits && mask) {
      fits = mask->ndim == n && (mask->dtype == DType::bool_ || mask->dtype == q.dtype) &&
             mask->sizes[n - 2] == q.sizes[n - 2] && mask->sizes[n - 1] == k.sizes[n - 2];
      for (int d = 0; fits && d < n - 2; ++d) fits = mask->sizes[d] == q.sizes[d];
    }
    check(fits, [&] {
      return message(a.function(), ": query ", describe(q), ", key ", describe(k), " and value ",
                     describe(v), " do not fit.");
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
    a.scale = static_cast<T>(scale);
    a.causal = causal;
    if (mask) {
      a.mask_kind = mask->dtype == DType::bool_ ? MaskKind::visible : MaskKind::added;
      a.mask = mask->data();
      a.mask_at = starts(*mask);
      a.mask_row = mask->strides[n - 2], a.mask_column = mask->strides[n - 1];
    }
    return a;
  }

 private:
  static TensorRef rows_of(Tensor& t) {
    return t.ndim == 0 || t.strides[t.ndim - 1] == 1 ? TensorRef::borrow(&t) : contiguous(t);
  }
};

/// fn(an element of the dtype)
template <class F>
auto in_dtype(DType dtype, F&& fn) {
  return dtype == DType::float32 ? fn(float{}) : fn(double{});
}

Object pair_or_more(std::initializer_list<TensorRef> results) {
  Object tuple = Object::steal(PyTuple_New(static_cast<Py_ssize_t>(results.size())));
  if (!tuple) throw PythonError();
  Py_ssize_t i = 0;
  for (const TensorRef& result : results)
    PyTuple_SET_ITEM(tuple.get(), i++, TensorRef(result).release_py());
  return tuple;
}

/// (result, norms of the rows), or None where a score is not finite.
PyObject* py_attend(const Call& call) {
  Args a(call);
  Operands operands(a, 0);
  Dims sizes = sizes_of(*operands.query);
  const int n = sizes.n;
  sizes[n - 1] = operands.value->sizes[n - 1];
  TensorRef out = empty(sizes, operands.query->dtype);
  sizes[n - 1] = 2;
  TensorRef norms = empty(sizes, operands.query->dtype);
  const bool all = in_dtype(out->dtype, [&](auto element) {
    using T = decltype(element);
    Attention<T> problem = operands.problem<T>();
    LongWork unlocked(problem.n_heads * problem.n_queries * problem.n_keys > 4096);
    return attend(problem, out->as<T>(), norms->as<T>());
  });
  if (!all) Py_RETURN_NONE;
  return pair_or_more({out, norms}).release();
}

/// The gradients of query, key and value.
PyObject* py_attend_backward(const Call& call) {
  Args a(call);
  Operands operands(a, 0);
  Tensor &out = a.tensor(6), &norms = a.tensor(7), &given = a.tensor(8);
  Tensor& q = *operands.query;
  Dims sizes = sizes_of(q), rows = sizes_of(q);
  sizes[sizes.n - 1] = operands.value->sizes[sizes.n - 1];
  rows[rows.n - 1] = 2;
  check(out.dtype == q.dtype && given.dtype == q.dtype && norms.dtype == q.dtype &&
            out.contiguous && norms.contiguous && sizes_of(out) == sizes &&
            sizes_of(given) == sizes && sizes_of(norms) == rows,
        [&] {
          return message(a.function(), ": result ", describe(out), ", norms ", describe(norms),
                         " and gradient ", describe(given), " do not fit query ", describe(q), ".");
        });
  TensorRef grad = contiguous(given);
  TensorRef grad_query = empty(sizes_of(q), q.dtype);
  TensorRef grad_key = empty(sizes_of(*operands.key), q.dtype);
  TensorRef grad_value = empty(sizes_of(*operands.value), q.dtype);
  in_dtype(q.dtype, [&](auto element) {
    using T = decltype(element);
    Attention<T> problem = operands.problem<T>();
    LongWork unlocked(problem.n_heads * problem.n_queries * problem.n_keys > 4096);
    attend_backward(problem, out.as<T>(), norms.as<T>(), grad->as<T>(), grad_query->as<T>(),
                    grad_key->as<T>(), grad_value->as<T>());
  });
  return pair_or_more({grad_query, grad_key, grad_value}).release();
}

const NativeEntry entries[] = {
    {"_attend", "query, key, value, mask, causal, scale", py_attend,
     "(result, norms of the rows), or None where a score is not finite."},
    {"_attend_backward", "query, key, value, mask, causal, scale, result, norms, gradient",
     py_attend_backward, "The gradients of query, key and value."},
    {}};

}  // namespace

void initialize_attention(PyObject* module) { add_functions(module, entries); }

}  // namespace flambeau

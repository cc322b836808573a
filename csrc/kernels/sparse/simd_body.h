// The loops of sparse/simd.h, after conv/simd_body.h in the same namespace. No include guard: each
// instruction set compiles its own copy.

/// n vectors of one row of the result, held in registers while its entries go by.
template <class T, int n>
inline __attribute__((always_inline)) void sparse_span(const sparse::Rows& a, int64_t r,
                                                       const T* values, const T* dense,
                                                       int64_t width, T* out) {
  typename Vec<T>::type sums[n] = {};
  const int64_t end = a.pointers[r + 1];
  for (int64_t e = a.pointers[r]; e < end; ++e) {
    const int64_t place = a.place(e);
    const T* row = dense + a.column(place) * width;
    const auto value = splat(values[place]);
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i)
      sums[i] = multiply_add(value, load(row + i * Vec<T>::lanes), sums[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) store(out + i * Vec<T>::lanes, sums[i]);
}

/// Less than a vector.
template <class T>
inline void sparse_tail(const sparse::Rows& a, int64_t r, const T* values, const T* dense,
                        int64_t width, int64_t count, T* out) {
  T sums[Vec<T>::lanes] = {};
  for (int64_t e = a.pointers[r]; e < a.pointers[r + 1]; ++e) {
    const int64_t place = a.place(e);
    const T* row = dense + a.column(place) * width;
    for (int64_t j = 0; j < count; ++j) sums[j] += values[place] * row[j];
  }
  for (int64_t j = 0; j < count; ++j) out[j] = sums[j];
}

template <class T>
void sparse_times_dense(const sparse::Rows& a, int64_t begin, int64_t end, const T* values,
                        const T* dense, int64_t width, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t r = begin; r < end; ++r) {
    T* to = out + r * width;
    int64_t j = 0;
    for (; j + 4 * lanes <= width; j += 4 * lanes)
      sparse_span<T, 4>(a, r, values, dense + j, width, to + j);
    if (j + 2 * lanes <= width) {
      sparse_span<T, 2>(a, r, values, dense + j, width, to + j);
      j += 2 * lanes;
    }
    if (j + lanes <= width) {
      sparse_span<T, 1>(a, r, values, dense + j, width, to + j);
      j += lanes;
    }
    if (j < width) sparse_tail(a, r, values, dense + j, width, width - j, to + j);
  }
}

/// The first n lanes, and 0 behind; what is beyond them may be read.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type load_first(const T* from, int64_t n) {
  if constexpr (has_spans) {
    return load_some(from, span_of<T>(0, static_cast<int>(n)));
  } else {
    typename Vec<T>::type x = load(from);
    for (int l = 0; l < Vec<T>::lanes; ++l) x[l] = l < n ? x[l] : T{};
    return x;
  }
}

/// n numbers from the first on, onto the lanes; what is beyond the last one may be read.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type summed(const T* from, int64_t n) {
  constexpr int64_t lanes = Vec<T>::lanes;
  if (n <= lanes) [[likely]]
    return load_first(from, n);
  auto sum = load(from);
  int64_t i = lanes;
  for (; i + lanes < n; i += lanes) sum += load(from + i);
  return sum + load_first(from + i, n - i);
}

/// Whether n numbers are all from 0 to end - 1.
inline bool within(const int64_t* x, int64_t n, int64_t end) {
  constexpr int64_t lanes = Vec<int64_t>::lanes;
  using V = Vec<int64_t>::type;
  V bad{};  // the sign of a number below 0, and of the room left above one
  const V last = splat(end - 1);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V value = load(x + i);
    bad |= value | (last - value);
  }
  int64_t all = 0;
  for (int l = 0; l < lanes; ++l) all |= bad[l];
  for (; i < n; ++i)
    all |= -static_cast<int64_t>(static_cast<uint64_t>(x[i]) >= static_cast<uint64_t>(end));
  return all >= 0;
}

inline bool sparse_ascending(const int64_t* x, int64_t n) {
  constexpr int64_t lanes = Vec<int64_t>::lanes;
  Vec<int64_t>::type bad{};
  int64_t i = 1;
  for (; i + lanes <= n; i += lanes) bad |= load(x + i) < load(x + i - 1);
  int64_t all = 0;
  for (int l = 0; l < lanes; ++l) all |= bad[l];
  for (; i < n; ++i) all |= x[i] < x[i - 1];
  return !all;
}

/// to[e] = values[e] * vector[at[e]]; false where a column lies outside, before it is read. By
/// single loads, since a gather costs more than as many of them.
template <class T>
inline bool sparse_products(const int64_t* at, const T* values, int64_t n, int64_t columns,
                            const T* vector, T* to) {
  using Four = Run<T, 4>;
  auto number = [&](int64_t e)
                    __attribute__((always_inline)) { return vector[limited(at[e], columns - 1)]; };
  // What was looked at is used, not what another thread has written since.
  int64_t own[8];
  auto four = [&](int64_t e, int k) __attribute__((always_inline)) {
    *reinterpret_cast<Four*>(to + e + k) =
        Four{vector[own[k]], vector[own[k + 1]], vector[own[k + 2]], vector[own[k + 3]]} *
        *reinterpret_cast<const Four*>(values + e + k);
  };
  int64_t e = 0;
  for (; e + 8 <= n; e += 8) {
    if (!eight_within(at + e, columns, own)) return false;
    four(e, 0);
    four(e, 4);
  }
  if (!within(at + e, n - e, columns)) return false;
  for (; e < n; ++e) to[e] = values[e] * number(e);
  return true;
}

/// The products of some rows first, then their sums: neither waits for where a row ends.
template <class T>
bool sparse_times_vector(const sparse::Rows& a, int64_t begin, int64_t end, const T* values,
                         const T* vector, T* out) {
  constexpr int64_t at_once = 512;
  T products[at_once + Vec<T>::lanes];
  auto multiply = [&](int64_t first, int64_t last) {
    return sparse_products(a.at + first, values + first, last - first, a.columns, vector, products);
  };
  for (int64_t r = begin; r < end;) {
    const int64_t first = a.pointers[r];
    int64_t next = r;
    while (next + 8 <= end && a.pointers[next + 8] - first <= at_once) next += 8;
    while (next < end && a.pointers[next + 1] - first <= at_once) ++next;
    if (next == r) {  // one long row
      typename Vec<T>::type sum = {};
      for (int64_t e = first; e < a.pointers[r + 1]; e += at_once) {
        const int64_t last = e + at_once < a.pointers[r + 1] ? e + at_once : a.pointers[r + 1];
        if (!multiply(e, last)) return false;
        sum += summed(products, last - e);
      }
      out[r++] = sum_of_lanes<T>(sum);
      continue;
    }
    if (!multiply(first, a.pointers[next])) return false;
    for (; r < next; ++r)
      out[r] = sum_of_lanes<T>(
          summed(products + (a.pointers[r] - first), a.pointers[r + 1] - a.pointers[r]));
  }
  return true;
}

template <class T>
void sparse_dots(int64_t begin, int64_t end, sparse::Places rows, sparse::Places columns,
                 const T* x, const T* y, int64_t depth, T* out) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t e = begin; e < end; ++e) {
    const T *a = x + rows[e] * depth, *b = y + columns[e] * depth;
    typename Vec<T>::type sums[2] = {};
    int64_t k = 0;
    for (; k + 2 * lanes <= depth; k += 2 * lanes) {
      sums[0] = multiply_add(load(a + k), load(b + k), sums[0]);
      sums[1] = multiply_add(load(a + k + lanes), load(b + k + lanes), sums[1]);
    }
    sums[0] = sums[0] + sums[1];
    T sum = 0;
    for (int i = 0; i < static_cast<int>(lanes); ++i) sum += sums[0][i];
    for (; k < depth; ++k) sum += a[k] * b[k];
    out[e] = sum;
  }
}

extern const SparseKernels<float> float_sparse = {sparse_times_dense<float>,
                                                  sparse_times_vector<float>, sparse_dots<float>,
                                                  sparse_ascending, within};
extern const SparseKernels<double> double_sparse = {sparse_times_dense<double>,
                                                    sparse_times_vector<double>,
                                                    sparse_dots<double>, sparse_ascending, within};

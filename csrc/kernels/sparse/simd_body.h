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
    const T* row = dense + a.at[place] * width;
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
    const T* row = dense + a.at[place] * width;
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

/// Vectors of whole numbers as many and as wide as those of T.
template <class T>
struct Whole {
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef Index type __attribute__((vector_size(vector_bytes)));
  template <int flipped, int... lane>
  static constexpr type make(std::integer_sequence<int, lane...>) {
    return type{(lane ^ flipped)...};
  }
  /// 0, 1, 2 ..., with some bits flipped.
  template <int flipped = 0>
  static constexpr type lanes = make<flipped>(std::make_integer_sequence<int, Vec<T>::lanes>());
};

/// The sum of all lanes: halves onto each other.
template <class T, int half = Vec<T>::lanes / 2>
inline __attribute__((always_inline)) T sum_of_lanes(typename Vec<T>::type x) {
  if constexpr (half == 0) {
    return x[0];
  } else {
    const typename Whole<T>::type other = Whole<T>::template lanes<half>;
    return sum_of_lanes<T, half / 2>(x + __builtin_shuffle(x, other));
  }
}

/// n numbers from the first on, onto the lanes; what is beyond the last one may be read.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type summed(const T* from, int64_t n,
                                                                   typename Vec<T>::type sum) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const typename Whole<T>::type lane = Whole<T>::template lanes<>;
  int64_t i = 0;
  for (; i + lanes < n; i += lanes) sum += load(from + i);
  const auto left = static_cast<typename Whole<T>::Index>(n - i);
  return sum + (lane < left ? load(from + i) : typename Vec<T>::type{});
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

/// A row times a vector that lies in near caches, in four sums: by single loads, since a gather
/// costs more than as many of them.
template <class T>
inline T sparse_dot(const int64_t* at, const T* values, int64_t n, const T* vector) {
  T a = 0, b = 0, c = 0, d = 0;
  int64_t e = 0;
  for (; e + 4 <= n; e += 4) {
    a += values[e] * vector[at[e]];
    b += values[e + 1] * vector[at[e + 1]];
    c += values[e + 2] * vector[at[e + 2]];
    d += values[e + 3] * vector[at[e + 3]];
  }
  switch (n - e) {
    case 3: c += values[e + 2] * vector[at[e + 2]]; [[fallthrough]];
    case 2: b += values[e + 1] * vector[at[e + 1]]; [[fallthrough]];
    case 1: a += values[e] * vector[at[e]];
  }
  return (a + b) + (c + d);
}

/// Short vectors row by row. Of long ones, whose loads wait, the products first, some rows at a
/// time, then their sums: neither waits for where a row ends. The ways cross between 10,000 and
/// 100,000 columns.
template <class T>
bool sparse_times_vector(const sparse::Rows& a, int64_t begin, int64_t end, const T* values,
                         const T* vector, T* out) {
  constexpr int64_t at_once = 1024;
  T products[at_once + Vec<T>::lanes];
  const int64_t columns = a.columns;
  if (columns <= 32768) {
    constexpr int64_t rows_at_once = 64;  // whose columns are checked, and then still in cache
    for (int64_t r = begin; r < end;) {
      const int64_t next = r + rows_at_once < end ? r + rows_at_once : end;
      const int64_t first = a.pointers[r];
      if (!within(a.at + first, a.pointers[next] - first, columns)) return false;
      for (; r < next; ++r)
        out[r] = sparse_dot(a.at + a.pointers[r], values + a.pointers[r],
                            a.pointers[r + 1] - a.pointers[r], vector);
    }
    return true;
  }
  auto multiply = [&](int64_t first, int64_t last) {
    if (!within(a.at + first, last - first, columns)) return false;
    for (int64_t e = first; e < last; ++e) products[e - first] = values[e] * vector[a.at[e]];
    return true;
  };
  for (int64_t r = begin; r < end;) {
    const int64_t first = a.pointers[r];
    int64_t next = r;
    while (next < end && a.pointers[next + 1] - first <= at_once) ++next;
    if (next == r) {  // one long row
      typename Vec<T>::type sum = {};
      for (int64_t e = first; e < a.pointers[r + 1]; e += at_once) {
        const int64_t last = e + at_once < a.pointers[r + 1] ? e + at_once : a.pointers[r + 1];
        if (!multiply(e, last)) return false;
        sum = summed(products, last - e, sum);
      }
      out[r++] = sum_of_lanes<T>(sum);
      continue;
    }
    if (!multiply(first, a.pointers[next])) return false;
    for (; r < next; ++r)
      out[r] = sum_of_lanes<T>(summed(products + (a.pointers[r] - first),
                                      a.pointers[r + 1] - a.pointers[r], typename Vec<T>::type{}));
  }
  return true;
}

template <class T>
void sparse_dots(int64_t begin, int64_t end, const int64_t* rows, const int64_t* columns,
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

extern const SparseKernels<float> float_sparse = {
    sparse_times_dense<float>, sparse_times_vector<float>, sparse_dots<float>, sparse_ascending};
extern const SparseKernels<double> double_sparse = {
    sparse_times_dense<double>, sparse_times_vector<double>, sparse_dots<double>, sparse_ascending};

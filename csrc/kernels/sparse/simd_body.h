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

extern const SparseKernels<float> float_sparse = {sparse_times_dense<float>, sparse_dots<float>};
extern const SparseKernels<double> double_sparse = {sparse_times_dense<double>,
                                                    sparse_dots<double>};

// The loops of pool/simd.h, after conv/simd_body.h in the same namespace. No include guard: each
// instruction set compiles its own copy. Vectors are written out: GCC will not make masks of the
// comparisons by itself, since they may trap.

template <class T, int n>
struct Lanes {
  using Position =
      std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;  // as wide as T: one mask serves both
  typedef T value __attribute__((vector_size(n * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias));
  typedef Position position __attribute__((vector_size(n * sizeof(T))));
  typedef int64_t indices
      __attribute__((vector_size(n * sizeof(int64_t)), aligned(sizeof(int64_t)), may_alias));
};

/// Which element of two vectors, what has been found and vector m of a row, which begins at
/// `start`, is the `lane`th of every `stride`th; those that lie behind vector m are found later.
constexpr int lane_of_every(int n, int stride, int m, int start, int lane) {
  const int at = stride * lane;
  if (at < m * n) return m == 1 ? at : lane;
  return at - start < n ? n + at - start : lane;
}
template <int n, int stride, int m, int start, class V, int... I>
inline __attribute__((always_inline)) V every_from(V found, V vector,
                                                   std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(found, vector, lane_of_every(n, stride, m, start, I)...);
}

/// from[0], from[stride], ... ; reads nothing past the last of them.
template <class T, int n, int64_t fixed_stride>
inline __attribute__((always_inline)) typename Lanes<T, n>::value load_every(const T* from,
                                                                             int64_t stride) {
  using L = Lanes<T, n>;
  if constexpr (fixed_stride == 1 || n == 1) {
    return *reinterpret_cast<const typename L::unaligned*>(from);
  } else if constexpr (fixed_stride != 0) {
    // As many vectors as the stride says, of which the last one ends with the last element.
    constexpr auto order = std::make_integer_sequence<int, n>{};
    constexpr int64_t last = fixed_stride * (n - 1) + 1 - n;
    auto vector = [&](int64_t start) __attribute__((always_inline)) ->
        typename L::value { return *reinterpret_cast<const typename L::unaligned*>(from + start); };
    typename L::value found = vector(0);
    if constexpr (fixed_stride > 2)
      found = every_from<n, fixed_stride, 1, n>(found, vector(n), order);
    if constexpr (fixed_stride > 3)
      found = every_from<n, fixed_stride, 2, 2 * n>(found, vector(2 * n), order);
    return every_from<n, fixed_stride, fixed_stride - 1, last>(found, vector(last), order);
  } else {
    typename L::value result;
    for (int j = 0; j < n; ++j) result[j] = from[j * stride];
    return result;
  }
}

/// Calls run.operator()<stride>() with the stride, or 0 for one that has no code of its own.
template <class Run>
inline __attribute__((always_inline)) void with_stride(int64_t stride, Run&& run) {
  switch (stride) {
    case 1: return run.template operator()<1>();
    case 2: return run.template operator()<2>();
    case 3: return run.template operator()<3>();
    case 4: return run.template operator()<4>();
    default: run.template operator()<0>();
  }
}

template <class T, int n, int64_t fixed_stride, bool indexed>
inline __attribute__((always_inline)) void max_block(const PoolRow<T>& row,
                                                     const int64_t* first_index, int64_t j0, T* out,
                                                     int64_t* index) {
  using L = Lanes<T, n>;
  const int64_t stride = fixed_stride ? fixed_stride : row.stride;
  typename L::position step = {};
  for (int j = 0; indexed && j < n; ++j) step[j] = static_cast<typename L::Position>(j * stride);
  auto load_at = [&](int64_t r, int64_t k) {
    return load_every<T, n, fixed_stride>(row.rows[r] + j0 * stride + k * row.dilation, stride);
  };
  auto start_of = [&](int64_t r, int64_t k) {
    return static_cast<typename L::Position>(first_index[r] + j0 * stride + k * row.dilation);
  };
  typename L::value best = load_at(0, 0);
  typename L::position at = {};
  if constexpr (indexed) at = step + start_of(0, 0);
  for (int64_t r = 0; r < row.n_rows; ++r)
    for (int64_t k = r == 0 ? 1 : 0; k < row.n_taps; ++k) {
      typename L::value value = load_at(r, k);
      typename L::position better = (value > best) | (value != value);
      best = better ? value : best;
      if constexpr (indexed) at = better ? step + start_of(r, k) : at;
    }
  *reinterpret_cast<typename L::unaligned*>(out + j0) = best;
  if constexpr (indexed)
    *reinterpret_cast<typename L::indices*>(index + j0) =
        __builtin_convertvector(at, typename L::indices);
}

/// Calls block.operator()<n>(j) until [0, count) is covered, with n the vector's lanes, then halves
/// of it, then 1. The last block may begin in the one before: its results are the same.
template <class T, class Block>
inline __attribute__((always_inline)) void in_blocks(int64_t count, Block&& block) {
  constexpr int most = vector_bytes / sizeof(T);
  int64_t j = 0;
  for (; j + most <= count; j += most) block.template operator()<most>(j);
  auto end_with = [&]<int n>() __attribute__((always_inline)) {
    if (j + n <= count) block.template operator()<n>(j), j += n;
    if (j < count && n <= count && (n <= 4 || count - j > n / 2))
      block.template operator()<n>(count - n), j = count;
  };
  if constexpr (most >= 16) end_with.template operator()<8>();
  if constexpr (most >= 8) end_with.template operator()<4>();
  for (; j < count; ++j) block.template operator()<1>(j);
}

template <class V>
inline __attribute__((always_inline)) V larger(V best, V value) {
  return (value > best) | (value != value) ? value : best;
}
template <class V, int... I>
inline __attribute__((always_inline)) V larger_of_pairs(V a, V b,
                                                        std::integer_sequence<int, I...>) {
  return larger<V>(__builtin_shufflevector(a, b, (2 * I)...),
                   __builtin_shufflevector(a, b, (2 * I + 1)...));
}

/// The largest of each `width` (2 or 4) elements from `from` on, for n windows side by side.
template <class T, int n, int width>
inline __attribute__((always_inline)) typename Lanes<T, n>::value largest_of_each(const T* from) {
  using L = Lanes<T, n>;
  constexpr auto order = std::make_integer_sequence<int, n>{};
  auto vector = [&](int i) __attribute__((always_inline)) ->
      typename L::value { return *reinterpret_cast<const typename L::unaligned*>(from + i * n); };
  const typename L::value first = larger_of_pairs(vector(0), vector(1), order);
  if constexpr (width == 2) return first;
  return larger_of_pairs(first, larger_of_pairs(vector(2), vector(3), order), order);
}

/// Windows that touch, each of `width` elements of a row: every element is loaded once.
template <class T, int width>
inline __attribute__((always_inline)) void max_of_touching(const PoolRow<T>& row, T* out) {
  in_blocks<T>(row.n, [&]<int n>(int64_t j) __attribute__((always_inline)) {
    if constexpr (n == 1) {
      max_block<T, 1, width, false>(row, nullptr, j, out, nullptr);
    } else {
      auto best = largest_of_each<T, n, width>(row.rows[0] + j * width);
      for (int64_t r = 1; r < row.n_rows; ++r)
        best = larger(best, largest_of_each<T, n, width>(row.rows[r] + j * width));
      *reinterpret_cast<typename Lanes<T, n>::unaligned*>(out + j) = best;
    }
  });
}

template <class T, int n, int64_t fixed_stride>
inline __attribute__((always_inline)) void mean_block(const PoolRow<T>& row, T divisor, int64_t j0,
                                                      T* out) {
  const int64_t stride = fixed_stride ? fixed_stride : row.stride;
  typename Lanes<T, n>::value sum = {};
  for (int64_t r = 0; r < row.n_rows; ++r)
    for (int64_t k = 0; k < row.n_taps; ++k)
      sum += load_every<T, n, fixed_stride>(row.rows[r] + j0 * stride + k * row.dilation, stride);
  *reinterpret_cast<typename Lanes<T, n>::unaligned*>(out + j0) = sum / divisor;
}

template <class T>
void max_row(const PoolRow<T>& row, const int64_t* first_index, T* out, int64_t* index) {
  if (!index && row.dilation == 1 && row.n_taps == row.stride) {
    if (row.stride == 2) return max_of_touching<T, 2>(row, out);
    if (row.stride == 4) return max_of_touching<T, 4>(row, out);
  }
  auto run = [&]<int64_t stride, bool indexed>() __attribute__((always_inline)) {
    in_blocks<T>(row.n, [&]<int n>(int64_t j) __attribute__((always_inline)) {
      max_block<T, n, stride, indexed>(row, first_index, j, out, index);
    });
  };
  with_stride(row.stride, [&]<int64_t stride>() __attribute__((always_inline)) {
    index ? run.template operator()<stride, true>() : run.template operator()<stride, false>();
  });
}

template <class T>
void mean_row(const PoolRow<T>& row, T divisor, T* out) {
  auto run = [&]<int64_t stride>() __attribute__((always_inline)) {
    in_blocks<T>(row.n, [&]<int n>(int64_t j) __attribute__((always_inline)) {
      mean_block<T, n, stride>(row, divisor, j, out);
    });
  };
  with_stride(row.stride, run);
}

/// The sum of n elements, in four sums side by side.
template <class T>
inline __attribute__((always_inline)) T sum_of(const T* from, int64_t n) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {};
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    sum0 += load(from + i);
    sum1 += load(from + i + lanes);
    sum2 += load(from + i + 2 * lanes);
    sum3 += load(from + i + 3 * lanes);
  }
  if (i + lanes <= n) sum0 += load(from + i), i += lanes;
  if (i + lanes <= n) sum1 += load(from + i), i += lanes;
  if (i + lanes <= n) sum2 += load(from + i), i += lanes;
  T rest = T(0);
  if constexpr (has_spans) {
    if (i < n) sum3 += load_some(from + i, span_of<T>(0, static_cast<int>(n - i)));
  } else {
    for (; i < n; ++i) rest += from[i];
  }
  return sum_lanes<T>((sum0 + sum1) + (sum2 + sum3)) + rest;
}

template <class T>
void means(int64_t n_planes, int64_t n, const T* from, T divisor, T* out) {
  for (int64_t plane = 0; plane < n_planes; ++plane)
    out[plane] = sum_of(from + plane * n, n) / divisor;
}

template <class T>
int64_t maxima(int64_t n_planes, int64_t n, const T* from, T* out, int64_t* index) {
  using L = Lanes<T, Vec<T>::lanes>;
  constexpr int lanes = Vec<T>::lanes;
  if (n < lanes) return 0;
  for (int64_t plane = 0; plane < n_planes; ++plane, from += n) {
    typename L::position step;
    for (int j = 0; j < lanes; ++j) step[j] = j;
    typename L::value best = load(from);
    typename L::position at = step, nan = best != best;
    auto take = [&](int64_t i) __attribute__((always_inline)) {
      const typename L::value value = load(from + i);
      const typename L::position better = value > best;
      nan |= value != value;
      best = better ? value : best;
      at = better ? step + static_cast<typename L::Position>(i) : at;
    };
    int64_t i = lanes;
    for (; i + lanes <= n; i += lanes) take(i);
    if (i < n) take(n - lanes);  // overlaps: equals do not replace
    T most = best[0];
    int64_t place = at[0];
    bool any_nan = nan[0];
    for (int j = 1; j < lanes; ++j) {
      any_nan |= nan[j] != 0;
      if (best[j] > most || (best[j] == most && at[j] < place)) most = best[j], place = at[j];
    }
    if (any_nan) return plane;
    out[plane] = most;
    if (index) index[plane] = place;
  }
  return n_planes;
}

extern const PoolKernels<float> float_pool = {max_row<float>, mean_row<float>, means<float>,
                                              maxima<float>};
extern const PoolKernels<double> double_pool = {max_row<double>, mean_row<double>, means<double>,
                                                maxima<double>};

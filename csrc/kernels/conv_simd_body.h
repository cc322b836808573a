// The loops of conv_simd.h, for the vector width and tile sizes that the including file sets:
// vector_bytes, most_m, most_v, most_g, most_x, and multiply_add(a, b, sum) = a * b + sum over vectors,
// inside its own namespace. No include guard: each instruction set compiles its own copy.

template <class T>
struct Vec {
  static constexpr int lanes = vector_bytes / sizeof(T);
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type load(const T* from) {
  return *reinterpret_cast<const typename Vec<T>::unaligned*>(from);
}

template <class T>
inline __attribute__((always_inline)) void store(T* to, typename Vec<T>::type value) {
  *reinterpret_cast<typename Vec<T>::unaligned*>(to) = value;
}

/// The same value in every lane; value - 0 is value itself, -0 and NaN too, and costs nothing.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type splat(T value) {
  return value - typename Vec<T>::type{};
}

template <class T, int M, int V>
void correlate_tile(const T* weight, const T* source, int64_t n_source, int64_t source_step, const int64_t* offset,
                    int64_t n_taps, T* tile) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec acc[M][V] = {};
  for (int64_t e = 0; e < n_source; ++e, source += source_step) {
    for (int64_t t = 0; t < n_taps; ++t, weight += M) {
      const T* x = source + offset[t];
      vec pixels[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) pixels[v] = load(x + v * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const vec w = splat(weight[i]);
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) acc[i][v] = multiply_add(w, pixels[v], acc[i][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) store(tile + (i * V + v) * lanes, acc[i][v]);
}

template <class T, int M>
void correlate_m(int n_vectors, const T* weight, const T* source, int64_t n_source, int64_t source_step,
                 const int64_t* offset, int64_t n_taps, T* tile) {
  if (n_vectors == 3) return correlate_tile<T, M, 3>(weight, source, n_source, source_step, offset, n_taps, tile);
  if (n_vectors == 2) return correlate_tile<T, M, 2>(weight, source, n_source, source_step, offset, n_taps, tile);
  correlate_tile<T, M, 1>(weight, source, n_source, source_step, offset, n_taps, tile);
}

template <class T>
void correlate(int m, int n_vectors, const T* weight, const T* source, int64_t n_source, int64_t source_step,
               const int64_t* offset, int64_t n_taps, T* tile) {
  auto run = [&]<int M>() { correlate_m<T, M>(n_vectors, weight, source, n_source, source_step, offset, n_taps, tile); };
  if constexpr (most_m > 4) {
    if (m == 8) return run.template operator()<8>();
    if (m == 7) return run.template operator()<7>();
    if (m == 6) return run.template operator()<6>();
    if (m == 5) return run.template operator()<5>();
  }
  if (m == 4) return run.template operator()<4>();
  if (m == 3) return run.template operator()<3>();
  if (m == 2) return run.template operator()<2>();
  run.template operator()<1>();
}

template <class T>
void store_tile(int m, int64_t p0, int64_t n, const T* tile, int64_t tile_step, const T* bias, bool relu, T* out,
                const TileTarget& target) {
  int64_t row = p0 / target.row_length, col = p0 % target.row_length;
  for (int64_t done = 0; done < n;) {
    int64_t count = target.columns - col < n - done ? target.columns - col : n - done;
    for (int i = 0; i < m && count > 0; ++i) {
      const T* from = tile + i * tile_step + done;
      T* to = out + i * target.channel_step + row * target.row_step + col * target.col_step;
      T add = bias ? bias[i] : T(0);
      if (target.col_step != 1) {
        for (int64_t j = 0; j < count; ++j) {
          T value = from[j] + add;
          to[j * target.col_step] = relu && value < T(0) ? T(0) : value;
        }
      } else if (relu) {
        for (int64_t j = 0; j < count; ++j) {
          T value = from[j] + add;
          to[j] = value < T(0) ? T(0) : value;
        }
      } else {
        for (int64_t j = 0; j < count; ++j) to[j] = from[j] + add;
      }
    }
    done += target.row_length - col;
    col = 0;
    ++row;
  }
}

template <class T>
inline __attribute__((always_inline)) T sum_lanes(typename Vec<T>::type value) {
  // The upper half of the live lanes onto the lower, again and again: the same tree on every call.
  using Position = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef Position positions __attribute__((vector_size(vector_bytes)));
  constexpr int lanes = Vec<T>::lanes;
#pragma GCC unroll 4
  for (int width = lanes / 2; width > 0; width /= 2) {
    positions from = {};
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) from[i] = (i + width) % lanes;
    value += __builtin_shuffle(value, from);
  }
  return value[0];
}

template <class T, int M, int C>
void outer_tile(int64_t n_items, int64_t n_pixels, const T* grad, int64_t grad_item, int64_t grad_step,
                const T* source, int64_t source_item, const int64_t* offset, T* sums, int64_t sums_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec acc[M][C] = {};
  for (int64_t b = 0; b < n_items; ++b, grad += grad_item, source += source_item) {
    const T* column[C];
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) column[j] = source + offset[j];
    for (int64_t p = 0; p < n_pixels; p += lanes) {
      vec g[M];
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) g[i] = load(grad + i * grad_step + p);
#pragma GCC unroll 16
      for (int j = 0; j < C; ++j) {
        vec x = load(column[j] + p);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) acc[i][j] = multiply_add(g[i], x, acc[i][j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < C; ++j) sums[i * sums_step + j] += sum_lanes<T>(acc[i][j]);
}

template <class T>
void outer(int m, int n_columns, int64_t n_items, int64_t n_pixels, const T* grad, int64_t grad_item,
           int64_t grad_step, const T* source, int64_t source_item, const int64_t* offset, T* sums,
           int64_t sums_step) {
  auto columns = [&]<int M, int C>() {
    outer_tile<T, M, C>(n_items, n_pixels, grad, grad_item, grad_step, source, source_item, offset, sums, sums_step);
  };
  auto rows = [&]<int M>() {
    if (n_columns == 6) return columns.template operator()<M, 6>();
    if (n_columns == 5) return columns.template operator()<M, 5>();
    if (n_columns == 4) return columns.template operator()<M, 4>();
    if (n_columns == 3) return columns.template operator()<M, 3>();
    if (n_columns == 2) return columns.template operator()<M, 2>();
    columns.template operator()<M, 1>();
  };
  if constexpr (most_g > 2) {
    if (m == 4) return rows.template operator()<4>();
    if (m == 3) return rows.template operator()<3>();
  }
  if (m == 2) return rows.template operator()<2>();
  rows.template operator()<1>();
}

template <class T>
void gather(const T* from, int64_t step, T* to, int64_t n) {
  if (step == 1) {
    for (int64_t j = 0; j < n; ++j) to[j] = from[j];
  } else if (step == 2) {
    for (int64_t j = 0; j < n; ++j) to[j] = from[2 * j];
  } else {
    for (int64_t j = 0; j < n; ++j) to[j] = from[step * j];
  }
}

template <class T>
constexpr ConvKernels<T> kernels() {
  return {Vec<T>::lanes, most_m, most_v, most_g, most_x, correlate<T>, store_tile<T>, outer<T>, gather<T>};
}

extern const ConvKernels<float> float_kernels = kernels<float>();
extern const ConvKernels<double> double_kernels = kernels<double>();

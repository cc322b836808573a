// The loops of conv_simd.h, for the vector width and tile sizes that the including file sets:
// vector_bytes, most_m, most_v, most_g, most_x, and multiply_add(a, b, sum) = a * b + sum over
// vectors, inside its own namespace. No include guard: each instruction set compiles its own copy.

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
void correlate_tile(const T* weights, int64_t weight_step, const T* source, int64_t n_source,
                    int64_t source_step, const int64_t* offset, int64_t n_taps, T* tile) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec acc[M][V] = {};
  for (int64_t e = 0; e < n_source; ++e, source += source_step, weights += weight_step) {
    const T* weight = weights;
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

template <class T>
void correlate(int m, int n_vectors, const T* weight, int64_t weight_step, const T* source,
               int64_t n_source, int64_t source_step, const int64_t* offset, int64_t n_taps,
               T* tile) {
  auto tile_of = [&]<int M, int V>() {
    correlate_tile<T, M, V>(weight, weight_step, source, n_source, source_step, offset, n_taps,
                            tile);
  };
  auto run = [&]<int M>() {
    if constexpr (M == 1) {
      if (n_vectors == 6) return tile_of.template operator()<M, 6>();
      if (n_vectors == 4) return tile_of.template operator()<M, 4>();
    }
    if (n_vectors == 3) return tile_of.template operator()<M, 3>();
    if (n_vectors == 2) return tile_of.template operator()<M, 2>();
    tile_of.template operator()<M, 1>();
  };
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

template <class T, int n>
using Run __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias)) = T;

/// to[j] = change(from[j]) for j < n, in the fewest vectors: the last one overlaps, so from and to
/// must not.
template <class T, class Change>
inline __attribute__((always_inline)) void change_run(const T* from, T* to, int64_t n,
                                                      Change&& change) {
  auto in_vectors = [&]<int width>() __attribute__((always_inline)) {
    auto one = [&](int64_t j) __attribute__((always_inline)) {
      *reinterpret_cast<Run<T, width>*>(to + j) =
          change(*reinterpret_cast<const Run<T, width>*>(from + j));
    };
    int64_t j = 0;
    for (; j + width <= n; j += width) one(j);
    if (j < n) one(n - width);
  };
  constexpr int lanes = Vec<T>::lanes;
  if (n >= lanes) return in_vectors.template operator()<lanes>();
  if constexpr (lanes >= 16)
    if (n >= 8) return in_vectors.template operator()<8>();
  if constexpr (lanes >= 8)
    if (n >= 4) return in_vectors.template operator()<4>();
  if (n >= 2) return in_vectors.template operator()<2>();
  if (n == 1) in_vectors.template operator()<1>();
}

template <class T>
inline __attribute__((always_inline)) void zero_run(T* to, int64_t n) {
  change_run(static_cast<const T*>(to), to, n,
             [](auto value) __attribute__((always_inline)) { return decltype(value){}; });
}

template <class T>
void store_tile(int m, int64_t p0, int64_t n, const T* tile, int64_t tile_step, const T* bias,
                bool relu, T* out, const TileTarget& target) {
  int64_t row = p0 / target.row_length, col = p0 - row * target.row_length;
  for (int64_t done = 0; done < n;) {
    const int64_t count = target.columns - col < n - done ? target.columns - col : n - done;
    const T* from = tile + done;
    T* to = out + row * target.row_step + col * target.col_step;
    for (int i = 0; i < m && count > 0; ++i, from += tile_step, to += target.channel_step) {
      const T add = bias ? bias[i] : T(0);
      if (target.col_step != 1) {
        for (int64_t j = 0; j < count; ++j) {
          T value = from[j] + add;
          to[j * target.col_step] = relu && value < T(0) ? T(0) : value;
        }
      } else if (relu) {
        change_run(from, to, count, [&](auto value) __attribute__((always_inline)) {
          auto sum = value + add;
          return sum < T(0) ? decltype(sum){} : sum;
        });
      } else {
        change_run(from, to, count,
                   [&](auto value) __attribute__((always_inline)) { return value + add; });
      }
    }
    done += target.row_length - col;
    col = 0;
    ++row;
  }
}

template <class T>
void pack_rows(const T* from, int64_t from_step, int64_t column_step, int64_t n_rows, int64_t begin,
               int64_t end, int64_t row_length, T* to) {
  for (int64_t r = 0; r < n_rows; ++r, from += from_step, to += row_length) {
    zero_run(to, begin);
    if (column_step == 1) {
      change_run(from, to + begin, end - begin,
                 [](auto value) __attribute__((always_inline)) { return value; });
    } else if (column_step == 2) {
      for (int64_t j = 0; j < end - begin; ++j) to[begin + j] = from[2 * j];
    } else {
      for (int64_t j = 0; j < end - begin; ++j) to[begin + j] = from[column_step * j];
    }
    zero_run(to + end, row_length - end);
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
void outer_tile(int64_t n_items, int64_t n_pixels, const T* grad, int64_t grad_item,
                int64_t grad_step, const T* source, int64_t source_item, const int64_t* offset,
                T* sums, int64_t sums_step) {
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
void outer(int m, int n_columns, int64_t n_items, int64_t n_pixels, const T* grad,
           int64_t grad_item, int64_t grad_step, const T* source, int64_t source_item,
           const int64_t* offset, T* sums, int64_t sums_step) {
  auto columns = [&]<int M, int C>() {
    outer_tile<T, M, C>(n_items, n_pixels, grad, grad_item, grad_step, source, source_item, offset,
                        sums, sums_step);
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

/// The matrices of conv_winograd.h applied to vectors; `half` and `two` are the roots of 1/2 and 2.
template <class T>
struct Winograd {
  using vec = typename Vec<T>::type;
  static constexpr T half = static_cast<T>(0.70710678118654752440),
                     two = static_cast<T>(1.41421356237309504880);

  static inline __attribute__((always_inline)) void input(const vec (&d)[6], vec (&out)[6]) {
    const vec even_a = multiply_add(splat(T(-2)), d[2], d[4]),
              even_b = multiply_add(splat(T(-0.5)), d[2], d[4]);
    const vec odd_a = multiply_add(splat(T(-2)), d[1], d[3]),
              odd_b = multiply_add(splat(T(-0.5)), d[1], d[3]);
    out[0] = multiply_add(splat(T(-2.5)), d[2], d[0] + d[4]);
    out[1] = multiply_add(splat(half), odd_a, even_a);
    out[2] = multiply_add(splat(-half), odd_a, even_a);
    out[3] = multiply_add(splat(two), odd_b, even_b);
    out[4] = multiply_add(splat(-two), odd_b, even_b);
    out[5] = multiply_add(splat(T(-2.5)), d[3], d[1] + d[5]);
  }

  static inline __attribute__((always_inline)) void grad(const vec (&d)[4], vec (&out)[6]) {
    const vec even_a = multiply_add(splat(T(0.5)), d[2], d[0]),
              even_b = multiply_add(splat(T(2)), d[2], d[0]);
    const vec odd_a = multiply_add(splat(T(0.5)), d[3], d[1]),
              odd_b = multiply_add(splat(T(2)), d[3], d[1]);
    out[0] = d[0];
    out[1] = multiply_add(splat(half), odd_a, even_a);
    out[2] = multiply_add(splat(-half), odd_a, even_a);
    out[3] = multiply_add(splat(two), odd_b, even_b);
    out[4] = multiply_add(splat(-two), odd_b, even_b);
    out[5] = d[3];
  }

  static inline __attribute__((always_inline)) void weight(const vec (&w)[3], vec (&out)[6]) {
    const vec even_a = splat(T(-2) / 3) * multiply_add(splat(T(0.5)), w[2], w[0]),
              odd_a = splat(T(-2) / 3 * half) * w[1];
    const vec even_b = splat(T(1) / 6) * multiply_add(splat(T(2)), w[2], w[0]),
              odd_b = splat(T(1) / 6 * two) * w[1];
    out[0] = w[0];
    out[1] = even_a + odd_a;
    out[2] = even_a - odd_a;
    out[3] = even_b + odd_b;
    out[4] = even_b - odd_b;
    out[5] = w[2];
  }

  static inline __attribute__((always_inline)) void sums(const vec (&m)[6], vec (&out)[3]) {
    const vec sum_a = splat(T(-2) / 3) * (m[1] + m[2]),
              odd_a = splat(T(-2) / 3 * half) * (m[1] - m[2]);
    const vec sum_b = splat(T(1) / 6) * (m[3] + m[4]),
              odd_b = splat(T(1) / 6 * two) * (m[3] - m[4]);
    out[0] = m[0] + sum_a + sum_b;
    out[1] = odd_a + odd_b;
    out[2] = multiply_add(splat(T(2)), sum_b, multiply_add(splat(T(0.5)), sum_a, m[5]));
  }

  static inline __attribute__((always_inline)) void output(const vec (&m)[6], vec (&out)[4]) {
    const vec sum_a = m[1] + m[2], sum_b = m[3] + m[4];
    const vec odd_a = splat(half) * (m[1] - m[2]), odd_b = splat(two) * (m[3] - m[4]);
    out[0] = m[0] + sum_a + sum_b;
    out[1] = odd_a + odd_b;
    out[2] = multiply_add(splat(T(2)), sum_b, splat(T(0.5)) * sum_a);
    out[3] = multiply_add(splat(T(2)), odd_b, multiply_add(splat(T(0.5)), odd_a, m[5]));
  }
};

template <class T>
void winograd_input(const T* rows, int64_t phase_step, int64_t n, T* points, int64_t point_step) {
  using vec = typename Vec<T>::type;
  for (int64_t t = 0; t < n; t += Vec<T>::lanes) {
    vec half[6][6];  // row i of the tile, its columns transformed
    for (int i = 0; i < 6; ++i) {
      vec d[6];
      for (int j = 0; j < 6; ++j) d[j] = load(rows + (i * 4 + j % 4) * phase_step + j / 4 + t);
      Winograd<T>::input(d, half[i]);
    }
    for (int j = 0; j < 6; ++j) {
      vec d[6], out[6];
      for (int i = 0; i < 6; ++i) d[i] = half[i][j];
      Winograd<T>::input(d, out);
      for (int i = 0; i < 6; ++i) store(points + (i * 6 + j) * point_step + t, out[i]);
    }
  }
}

template <class T>
void winograd_grad(const T* rows, int64_t phase_step, int64_t n, T* points, int64_t point_step) {
  using vec = typename Vec<T>::type;
  for (int64_t t = 0; t < n; t += Vec<T>::lanes) {
    vec half[4][6];
    for (int i = 0; i < 4; ++i) {
      vec d[4];
      for (int j = 0; j < 4; ++j) d[j] = load(rows + (i * 4 + j) * phase_step + t);
      Winograd<T>::grad(d, half[i]);
    }
    for (int j = 0; j < 6; ++j) {
      vec d[4], out[6];
      for (int i = 0; i < 4; ++i) d[i] = half[i][j];
      Winograd<T>::grad(d, out);
      for (int i = 0; i < 6; ++i) store(points + (i * 6 + j) * point_step + t, out[i]);
    }
  }
}

template <class T>
void winograd_output(const T* points, int64_t point_step, int64_t n, T* rows, int64_t row_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t t = 0; t < n; t += lanes) {
    vec half[6][4];
    for (int i = 0; i < 6; ++i) {
      vec m[6];
      for (int j = 0; j < 6; ++j) m[j] = load(points + (i * 6 + j) * point_step + t);
      Winograd<T>::output(m, half[i]);
    }
    alignas(64) T phases[4][4][lanes];
    for (int j = 0; j < 4; ++j) {
      vec m[6], out[4];
      for (int i = 0; i < 6; ++i) m[i] = half[i][j];
      Winograd<T>::output(m, out);
      for (int i = 0; i < 4; ++i) store(phases[i][j], out[i]);
    }
    for (int i = 0; i < 4; ++i) {
      T* row = rows + i * row_step + 4 * t;
      for (int lane = 0; lane < lanes; ++lane)
        for (int j = 0; j < 4; ++j) row[4 * lane + j] = phases[i][j][lane];
    }
  }
}

template <class T>
void winograd_weight(const T* weight, const int64_t* tap, int64_t n, T* points,
                     int64_t point_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t t = 0; t < n; t += lanes, weight += 9 * lanes) {
    const int count = static_cast<int>(n - t < lanes ? n - t : lanes);
    T gathered[9][lanes] = {};
    for (int k = 0; k < 9; ++k)
      for (int lane = 0; lane < count; ++lane) gathered[k][lane] = weight[9 * lane + tap[k]];
    vec half[3][6];
    for (int r = 0; r < 3; ++r) {
      vec w[3];
      for (int k = 0; k < 3; ++k) w[k] = load(gathered[r * 3 + k]);
      Winograd<T>::weight(w, half[r]);
    }
    for (int j = 0; j < 6; ++j) {
      vec w[3], out[6];
      for (int r = 0; r < 3; ++r) w[r] = half[r][j];
      Winograd<T>::weight(w, out);
      for (int i = 0; i < 6; ++i) {
        T* to = points + (i * 6 + j) * point_step + t;
        if (count == lanes)
          store(to, out[i]);
        else
          for (int lane = 0; lane < count; ++lane) to[lane] = out[i][lane];
      }
    }
  }
}

template <class T>
void winograd_sums(const T* points, int64_t point_step, int64_t n, const int64_t* tap, T* weight) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t t = 0; t < n; t += lanes, weight += 9 * lanes) {
    vec half[6][3];
    for (int i = 0; i < 6; ++i) {
      vec m[6];
      for (int j = 0; j < 6; ++j) m[j] = load(points + (i * 6 + j) * point_step + t);
      Winograd<T>::sums(m, half[i]);
    }
    T found[9][lanes];
    for (int k = 0; k < 3; ++k) {
      vec m[6], out[3];
      for (int i = 0; i < 6; ++i) m[i] = half[i][k];
      Winograd<T>::sums(m, out);
      for (int r = 0; r < 3; ++r) store(found[r * 3 + k], out[r]);
    }
    const int count = static_cast<int>(n - t < lanes ? n - t : lanes);
    for (int k = 0; k < 9; ++k)
      for (int lane = 0; lane < count; ++lane) weight[9 * lane + tap[k]] = found[k][lane];
  }
}

template <class T>
void split_phases(const T* row, int64_t n, T* phases, int64_t phase_step) {
  T *p0 = phases, *p1 = p0 + phase_step, *p2 = p1 + phase_step, *p3 = p2 + phase_step;
#pragma GCC ivdep
  for (int64_t t = 0; t < n; ++t) {
    p0[t] = row[4 * t];
    p1[t] = row[4 * t + 1];
    p2[t] = row[4 * t + 2];
    p3[t] = row[4 * t + 3];
  }
}

template <class T>
constexpr ConvKernels<T> kernels() {
  return {Vec<T>::lanes,
          most_m,
          most_v,
          most_g,
          most_x,
          correlate<T>,
          store_tile<T>,
          outer<T>,
          pack_rows<T>,
          winograd_input<T>,
          winograd_grad<T>,
          winograd_output<T>,
          winograd_weight<T>,
          winograd_sums<T>,
          split_phases<T>};
}

extern const ConvKernels<float> float_kernels = kernels<float>();
extern const ConvKernels<double> double_kernels = kernels<double>();

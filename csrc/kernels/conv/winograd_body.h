// The transforms of conv/winograd.h over vectors, a part of conv/simd_body.h, which includes it. No
// include guard: each instruction set compiles its own copy.

/// The matrices of conv/winograd.h applied to vectors; `half` and `two` are the roots of 1/2 and 2.
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

/// Rows of tiles lie side by side in a scratch of their own, 4 elements a tile, and a second time
/// from element 4 on for what tiles share with the next; from there they part into columns.
template <class T, int height>
void winograd_read(const T* plane, int64_t row_step, const TileChunk* chunks, int64_t n_chunks,
                   int64_t n, T* points, int64_t point_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes, most = most_v * lanes;
  constexpr int copies = height == 6 ? 2 : 1;
  alignas(64) T rows[height][copies][4 * most + lanes];
  if (const int64_t last = n / lanes * lanes; last < n)
    for (int i = 0; i < height; ++i)
      for (int copy = 0; copy < copies; ++copy)
        for (int v = 0; v < 4; ++v) store(rows[i][copy] + 4 * last + v * lanes, vec{});
  auto bound = [](int value) { return value < 0 ? 0 : value > lanes ? lanes : value; };
  for (const TileChunk* chunk = chunks; chunk < chunks + n_chunks; ++chunk) {
    for (int copy = 0; copy < copies; ++copy) {
      const T* from = plane + chunk->at + 4 * copy;
      const int begin = bound(chunk->begin - 4 * copy), end = bound(chunk->end - 4 * copy);
      if constexpr (has_spans) {
        const auto span = span_of<T>(begin, begin < end ? end : begin);
        for (int i = 0; i < height; ++i, from += row_step) {
          const bool inside = i >= chunk->row_begin && i < chunk->row_end;
          store(rows[i][copy] + 4 * chunk->lane, inside ? load_some(from, span) : vec{});
        }
      } else {
        for (int i = 0; i < height; ++i, from += row_step) {
          const bool inside = i >= chunk->row_begin && i < chunk->row_end;
          T* to = rows[i][copy] + 4 * chunk->lane;
          for (int k = 0; k < lanes; ++k) to[k] = inside && k >= begin && k < end ? from[k] : T(0);
        }
      }
    }
  }
  for (int64_t t = 0; t < n; t += lanes) {
    vec half[height][6];  // row i of the tile, its columns transformed
    for (int i = 0; i < height; ++i) {
      vec d[height], part[4];
      for (int copy = 0; copy < copies; ++copy) {
        for (int v = 0; v < 4; ++v) part[v] = load(rows[i][copy] + 4 * t + v * lanes);
        const vec even_a = every_other<T, 0>(part[0], part[1]),
                  even_b = every_other<T, 0>(part[2], part[3]);
        const vec odd_a = every_other<T, 1>(part[0], part[1]),
                  odd_b = every_other<T, 1>(part[2], part[3]);
        d[4 * copy] = every_other<T, 0>(even_a, even_b);
        d[4 * copy + 1] = every_other<T, 0>(odd_a, odd_b);
        if (copy == 0) {
          d[2] = every_other<T, 1>(even_a, even_b);
          d[3] = every_other<T, 1>(odd_a, odd_b);
        }
      }
      if constexpr (height == 6)
        Winograd<T>::input(d, half[i]);
      else
        Winograd<T>::grad(d, half[i]);
    }
    for (int j = 0; j < 6; ++j) {
      vec d[height], out[6];
      for (int i = 0; i < height; ++i) d[i] = half[i][j];
      if constexpr (height == 6)
        Winograd<T>::input(d, out);
      else
        Winograd<T>::grad(d, out);
      for (int i = 0; i < 6; ++i) store(points + (i * 6 + j) * point_step + t, out[i]);
    }
  }
}

template <class T>
bool winograd_output(const T* points, int64_t point_step, int64_t n, T bias, bool relu,
                     const TileChunk* chunks, int64_t n_chunks, T* plane, int64_t row_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes, most = most_v * lanes;
  alignas(64) T rows[4][4 * most + lanes];
  const vec add = splat(bias);
  for (int64_t t = 0; t < n; t += lanes) {
    vec half[6][4];
    for (int i = 0; i < 6; ++i) {
      vec m[6];
      for (int j = 0; j < 6; ++j) m[j] = load(points + (i * 6 + j) * point_step + t);
      Winograd<T>::output(m, half[i]);
    }
    vec found[4][4];  // [column][row]
    for (int j = 0; j < 4; ++j) {
      vec m[6];
      for (int i = 0; i < 6; ++i) m[i] = half[i][j];
      Winograd<T>::output(m, found[j]);
    }
    for (int i = 0; i < 4; ++i) {
      vec d[4];
      for (int j = 0; j < 4; ++j) {
        d[j] = found[j][i] + add;
      }
      const vec low_a = zipped<T, 0>(d[0], d[2]), high_a = zipped<T, 1>(d[0], d[2]);
      const vec low_b = zipped<T, 0>(d[1], d[3]), high_b = zipped<T, 1>(d[1], d[3]);
      T* row = rows[i] + 4 * t;
      store(row, zipped<T, 0>(low_a, low_b));
      store(row + lanes, zipped<T, 1>(low_a, low_b));
      store(row + 2 * lanes, zipped<T, 0>(high_a, high_b));
      store(row + 3 * lanes, zipped<T, 1>(high_a, high_b));
    }
  }
  vec zeros = {};  // times anything but infinities and NaN, zero
  bool finite = true;
  for (const TileChunk* chunk = chunks; chunk < chunks + n_chunks; ++chunk) {
    T* to = plane + chunk->at;
    for (int i = 0; i < chunk->row_end; ++i, to += row_step) {
      const T* from = rows[i] + 4 * chunk->lane;
      if constexpr (has_spans) {
        const auto span = span_of<T>(0, chunk->end);
        vec value = load_some(from, span);
        zeros = multiply_add(value, vec{}, zeros);
        if (relu) value = value < T(0) ? vec{} : value;
        store_some(to, value, span);
      } else {
        for (int k = 0; k < chunk->end; ++k) {
          finite &= from[k] * T(0) == T(0);
          to[k] = relu && from[k] < T(0) ? T(0) : from[k];
        }
      }
    }
  }
  for (int k = 0; k < lanes; ++k) finite &= zeros[k] == T(0);
  return finite;
}

/// The 9 weights of `lanes` kernels side by side, kernels in lanes.
template <class T>
inline __attribute__((always_inline)) void gather_kernels(const T* weight, int count,
                                                          T (*gathered)[Vec<T>::lanes]) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  if constexpr (has_spans && lanes >= 8) {
    // A square of kernels in rows, transposed: each step moves one bit of the row number to the
    // column number and one back.
    const auto most = span_of<T>(0, lanes < 9 ? lanes : 9);
    vec rows[lanes];
#pragma GCC unroll 16
    for (int k = 0; k < lanes; ++k) rows[k] = k < count ? load_some(weight + 9 * k, most) : vec{};
#pragma GCC unroll 8
    for (int step = 1; step < lanes; step *= 2) {
      vec moved[lanes];
#pragma GCC unroll 16
      for (int k = 0; k < lanes / 2; ++k) {
        moved[2 * k] = zipped<T, 0>(rows[k], rows[k + lanes / 2]);
        moved[2 * k + 1] = zipped<T, 1>(rows[k], rows[k + lanes / 2]);
      }
#pragma GCC unroll 16
      for (int k = 0; k < lanes; ++k) rows[k] = moved[k];
    }
#pragma GCC unroll 16
    for (int k = 0; k < (lanes < 9 ? lanes : 9); ++k) store(gathered[k], rows[k]);
    for (int k = lanes; k < 9; ++k)
      for (int lane = 0; lane < lanes; ++lane)
        gathered[k][lane] = lane < count ? weight[9 * lane + k] : T(0);
  } else {
    for (int k = 0; k < 9; ++k)
      for (int lane = 0; lane < lanes; ++lane)
        gathered[k][lane] = lane < count ? weight[9 * lane + k] : T(0);
  }
}

template <class T>
void winograd_weight(const T* weight, const int64_t* tap, int64_t n, T* points,
                     int64_t point_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t t = 0; t < n; t += lanes, weight += 9 * lanes) {
    const int count = static_cast<int>(n - t < lanes ? n - t : lanes);
    alignas(64) T gathered[9][lanes];
    gather_kernels(weight, count, gathered);
    vec half[3][6];
    for (int r = 0; r < 3; ++r) {
      vec w[3];
      for (int k = 0; k < 3; ++k) w[k] = load(gathered[tap[r * 3 + k]]);
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

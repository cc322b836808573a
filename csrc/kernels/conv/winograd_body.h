// The transforms of conv/winograd.h over vectors, a part of conv/simd_body.h, which includes it. No
// include guard: each instruction set compiles its own copy.

/// The matrices of conv/winograd.h applied to vectors, by the taps of a kernel along one dimension.
template <class T, int taps>
struct Winograd;

/// `half` and `two` are the roots of 1/2 and 2.
template <class T>
struct Winograd<T, 3> {
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

/// The points +-a, +-b, infinity.
template <class T>
struct Winograd<T, 2> {
  using vec = typename Vec<T>::type;
  static constexpr T a = T(0.5), b = T(1.25), a2 = a * a, b2 = b * b;
  static constexpr T weight_a = 1 / (2 * a * (a2 - b2)), weight_b = 1 / (2 * b * (b2 - a2));

  static inline __attribute__((always_inline)) void input(const vec (&d)[5], vec (&out)[5]) {
    const vec even_a = multiply_add(splat(-b2), d[0], d[2]),
              odd_a = multiply_add(splat(-b2), d[1], d[3]);
    const vec even_b = multiply_add(splat(-a2), d[0], d[2]),
              odd_b = multiply_add(splat(-a2), d[1], d[3]);
    out[0] = multiply_add(splat(a), even_a, odd_a);
    out[1] = multiply_add(splat(-a), even_a, odd_a);
    out[2] = multiply_add(splat(b), even_b, odd_b);
    out[3] = multiply_add(splat(-b), even_b, odd_b);
    out[4] = multiply_add(splat(-a2), even_a, multiply_add(splat(-b2), d[2], d[4]));
  }

  static inline __attribute__((always_inline)) void grad(const vec (&d)[4], vec (&out)[5]) {
    const vec even_a = multiply_add(splat(a2), d[2], d[0]),
              odd_a = multiply_add(splat(a2), d[3], d[1]);
    const vec even_b = multiply_add(splat(b2), d[2], d[0]),
              odd_b = multiply_add(splat(b2), d[3], d[1]);
    out[0] = multiply_add(splat(a), odd_a, even_a);
    out[1] = multiply_add(splat(-a), odd_a, even_a);
    out[2] = multiply_add(splat(b), odd_b, even_b);
    out[3] = multiply_add(splat(-b), odd_b, even_b);
    out[4] = d[3];
  }

  static inline __attribute__((always_inline)) void weight(const vec (&w)[2], vec (&out)[5]) {
    const vec even_a = splat(weight_a) * w[0], odd_a = splat(weight_a * a) * w[1];
    const vec even_b = splat(weight_b) * w[0], odd_b = splat(weight_b * b) * w[1];
    out[0] = odd_a + even_a;
    out[1] = odd_a - even_a;
    out[2] = odd_b + even_b;
    out[3] = odd_b - even_b;
    out[4] = w[1];
  }

  static inline __attribute__((always_inline)) void sums(const vec (&m)[5], vec (&out)[2]) {
    out[0] = multiply_add(splat(weight_a), m[0] - m[1], splat(weight_b) * (m[2] - m[3]));
    out[1] = multiply_add(splat(weight_a * a), m[0] + m[1],
                          multiply_add(splat(weight_b * b), m[2] + m[3], m[4]));
  }

  static inline __attribute__((always_inline)) void output(const vec (&m)[5], vec (&out)[4]) {
    const vec sum_a = m[0] + m[1], sum_b = m[2] + m[3];
    const vec odd_a = splat(a) * (m[0] - m[1]), odd_b = splat(b) * (m[2] - m[3]);
    out[0] = sum_a + sum_b;
    out[1] = odd_a + odd_b;
    out[2] = multiply_add(splat(b2), sum_b, splat(a2) * sum_a);
    out[3] = multiply_add(splat(b2), odd_b, multiply_add(splat(a2), odd_a, m[4]));
  }
};

/// The lanes of some vectors that are read from chunks of tiles; at most n chunks for each.
template <class T, int n>
struct TilePieces {
  const TileChunk* chunk[n];
  Span<T> span[n][2];

  /// The first n_chunks are there; others read nothing.
  void set(const TileChunk* first, int n_chunks) {
    static constexpr TileChunk nothing = {};
    for (int piece = 0; piece < n; ++piece) {
      chunk[piece] = piece < n_chunks ? first + piece : &nothing;
      if constexpr (has_spans)
        for (int copy = 0; copy < 2; ++copy)
          span[piece][copy] = span_of<T>(chunk[piece]->begin[copy], chunk[piece]->end[copy]);
    }
  }

  /// Row i of the tiles, or what lies 4 elements further.
  inline __attribute__((always_inline)) typename Vec<T>::type row(const T* plane, int64_t row_step,
                                                                  int i, int further) const {
    typename Vec<T>::type lanes = {};
#pragma GCC unroll 4
    for (int piece = 0; piece < n; ++piece) {
      const TileChunk& c = *chunk[piece];
      if (i < c.row_begin || i >= c.row_end) continue;
      const T* from = plane + c.at + i * row_step + 4 * further;
      if constexpr (has_spans)
        lanes = n == 1 ? load_some(from, span[piece][further])
                       : load_over(lanes, from, span[piece][further]);
      else
        for (int k = c.begin[further]; k < c.end[further]; ++k) lanes[k] = from[k];
    }
    return lanes;
  }
};

/// Rows of tiles are put together in registers, 4 elements a tile, and a second time from element 4
/// on for what tiles share with the next; from there they part into columns.
template <class T, int taps, bool of_grad>
void winograd_read(const T* plane, int64_t row_step, const TileChunk* chunks, int64_t n_chunks,
                   int64_t n, int64_t next, T* points, int64_t point_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  constexpr int points_a_side = taps + 3, height = of_grad ? 4 : points_a_side;
  constexpr int copies = of_grad ? 1 : 2;
  /// The tiles from t on, of whose rows part_of(v, i, copy) is vector v.
  auto transform = [&](int64_t t, auto&& part_of) __attribute__((always_inline)) {
    vec half[height][points_a_side];  // row i of the tile, its columns transformed
#pragma GCC unroll 6
    for (int i = 0; i < height; ++i) {
      vec d[height];
#pragma GCC unroll 2
      for (int copy = 0; copy < copies; ++copy) {
        vec part[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) part[v] = part_of(v, i, copy);
        const vec even_a = every_other<T, 0>(part[0], part[1]),
                  even_b = every_other<T, 0>(part[2], part[3]);
        const vec odd_a = every_other<T, 1>(part[0], part[1]),
                  odd_b = every_other<T, 1>(part[2], part[3]);
        d[4 * copy] = every_other<T, 0>(even_a, even_b);
        if (4 * copy + 1 < height) d[4 * copy + 1] = every_other<T, 0>(odd_a, odd_b);
        if (copy == 0) {
          d[2] = every_other<T, 1>(even_a, even_b);
          d[3] = every_other<T, 1>(odd_a, odd_b);
        }
      }
      if constexpr (of_grad)
        Winograd<T, taps>::grad(d, half[i]);
      else
        Winograd<T, taps>::input(d, half[i]);
    }
    for (int j = 0; j < points_a_side; ++j) {
      vec d[height], out[points_a_side];
      for (int i = 0; i < height; ++i) d[i] = half[i][j];
      if constexpr (of_grad)
        Winograd<T, taps>::grad(d, out);
      else
        Winograd<T, taps>::input(d, out);
      for (int i = 0; i < points_a_side; ++i)
        store(points + (i * points_a_side + j) * point_step + t, out[i]);
    }
  };
  const TileChunk *chunk = chunks, *last = chunks + n_chunks;
  for (int64_t t = 0; t < n; t += lanes) {
    const TileChunk* first[4];
    int n_pieces[4], most = 1;
    for (int v = 0; v < 4; ++v) {
      first[v] = chunk;
      for (; chunk < last && chunk->tile < t + (v + 1) * (lanes / 4); ++chunk)
        if (next)  // planes are too far apart to be fetched ahead unasked
          for (int i = chunk->row_begin; i < chunk->row_end; ++i)
            __builtin_prefetch(plane + chunk->at + next + i * row_step);
      n_pieces[v] = static_cast<int>(chunk - first[v]);
      most = n_pieces[v] > most ? n_pieces[v] : most;
    }
    auto from_pieces = [&]<int of_a_vector>() __attribute__((always_inline)) {
      TilePieces<T, of_a_vector> pieces[4];
      for (int v = 0; v < 4; ++v) pieces[v].set(first[v], n_pieces[v]);
      transform(t, [&](int v, int i, int copy) __attribute__((always_inline)) {
        return pieces[v].row(plane, row_step, i, copy);
      });
    };
    if (most == 1)
      from_pieces.template operator()<1>();
    else if (most == 2)
      from_pieces.template operator()<lanes / 4 < 2 ? lanes / 4 : 2>();
    else
      from_pieces.template operator()<lanes / 4>();
  }
}

template <class T, int taps>
bool winograd_output(const T* points, int64_t point_step, int64_t n, T bias, bool relu,
                     const TileChunk* chunks, int64_t n_chunks, T* plane, int64_t row_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes, points_a_side = taps + 3;
  alignas(64) T rows[4][4][lanes];  // [row][vector]
  bool finite = true;
  const vec add = splat(bias);
  vec zeros = {};  // times anything but infinities and NaN, zero
  const TileChunk *chunk = chunks, *last_chunk = chunks + n_chunks;
  for (int64_t t = 0; t < n; t += lanes) {
    const TileChunk* const first = chunk;
    while (chunk < last_chunk && chunk->tile < t + lanes) ++chunk;
    vec half[points_a_side][4];
    for (int i = 0; i < points_a_side; ++i) {
      vec m[points_a_side];
      for (int j = 0; j < points_a_side; ++j)
        m[j] = load(points + (i * points_a_side + j) * point_step + t);
      Winograd<T, taps>::output(m, half[i]);
    }
    vec found[4][4];  // [column][row]
    for (int j = 0; j < 4; ++j) {
      vec m[points_a_side];
      for (int i = 0; i < points_a_side; ++i) m[i] = half[i][j];
      Winograd<T, taps>::output(m, found[j]);
    }
    for (int i = 0; i < 4; ++i) {
      vec d[4];
      for (int j = 0; j < 4; ++j) {
        d[j] = found[j][i] + add;
      }
      const vec low_a = zipped<T, 0>(d[0], d[2]), high_a = zipped<T, 1>(d[0], d[2]);
      const vec low_b = zipped<T, 0>(d[1], d[3]), high_b = zipped<T, 1>(d[1], d[3]);
      const vec parts[4] = {zipped<T, 0>(low_a, low_b), zipped<T, 1>(low_a, low_b),
                            zipped<T, 0>(high_a, high_b), zipped<T, 1>(high_a, high_b)};
      for (int v = 0; v < 4; ++v) store(rows[i][v], parts[v]);
    }
    for (const TileChunk* c = first; c < chunk; ++c)
      for (int i = 0; i < c->row_end; ++i) {
        const T* from = rows[i][(c->tile - t) / (lanes / 4)];
        T* to = plane + c->at + i * row_step;
        if constexpr (has_spans) {
          const auto span = span_of<T>(c->begin[0], c->end[0]);
          vec value = load_some(from, span);
          zeros = multiply_add(value, vec{}, zeros);
          if (relu) value = value < T(0) ? vec{} : value;
          store_some(to, value, span);
        } else {
          for (int k = c->begin[0]; k < c->end[0]; ++k) {
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

/// gathered[i] = weight `tap[i]` of each of `count` kernels.
template <class T, int taps>
inline __attribute__((always_inline)) void gather_weights(
    const T* weight, int64_t kernel_step, const int64_t* tap, int count,
    typename Vec<T>::type (&gathered)[taps * taps]) {
  constexpr int lanes = Vec<T>::lanes, n = taps * taps;
  if constexpr (taps == 3) {
    if (kernel_step == n) {
      alignas(64) T found[n][lanes];
      gather_kernels(weight, count, found);
      for (int i = 0; i < n; ++i) gathered[i] = load(found[tap[i]]);
      return;
    }
  }
  if (kernel_step == 1 && count == lanes) {
    for (int i = 0; i < n; ++i) gathered[i] = load(weight + tap[i]);
    return;
  }
  alignas(64) T found[n][lanes] = {};
  for (int lane = 0; lane < count; ++lane, weight += kernel_step)
    for (int i = 0; i < n; ++i) found[i][lane] = weight[tap[i]];
  for (int i = 0; i < n; ++i) gathered[i] = load(found[i]);
}

template <class T>
inline __attribute__((always_inline)) void store_first(T* to, typename Vec<T>::type value,
                                                       int count) {
  if constexpr (has_spans) {
    store_some(to, value, span_of<T>(0, count));
  } else {
    alignas(64) T lanes[Vec<T>::lanes];
    store(lanes, value);
    for (int lane = 0; lane < count; ++lane) to[lane] = lanes[lane];
  }
}

template <class T, int taps>
void winograd_weight(const T* weight, int64_t kernel_step, const int64_t* tap, int64_t n, T* points,
                     int64_t point_step) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes, points_a_side = taps + 3;
  for (int64_t t = 0; t < n; t += lanes, weight += kernel_step * lanes) {
    const int count = static_cast<int>(n - t < lanes ? n - t : lanes);
    vec gathered[taps * taps];
    gather_weights<T, taps>(weight, kernel_step, tap, count, gathered);
    vec half[taps][points_a_side];
    for (int r = 0; r < taps; ++r) {
      vec w[taps];
      for (int k = 0; k < taps; ++k) w[k] = gathered[r * taps + k];
      Winograd<T, taps>::weight(w, half[r]);
    }
    for (int j = 0; j < points_a_side; ++j) {
      vec w[taps], out[points_a_side];
      for (int r = 0; r < taps; ++r) w[r] = half[r][j];
      Winograd<T, taps>::weight(w, out);
      for (int i = 0; i < points_a_side; ++i) {
        T* to = points + (i * points_a_side + j) * point_step + t;
        if (count == lanes)
          store(to, out[i]);
        else
          store_first(to, out[i], count);
      }
    }
  }
}

template <class T, int taps>
void winograd_sums(const T* points, int64_t point_step, int64_t n, const int64_t* tap, T* weight) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes, points_a_side = taps + 3;
  for (int64_t t = 0; t < n; t += lanes, weight += taps * taps * lanes) {
    vec half[points_a_side][taps];
    for (int i = 0; i < points_a_side; ++i) {
      vec m[points_a_side];
      for (int j = 0; j < points_a_side; ++j)
        m[j] = load(points + (i * points_a_side + j) * point_step + t);
      Winograd<T, taps>::sums(m, half[i]);
    }
    T found[taps * taps][lanes];
    for (int k = 0; k < taps; ++k) {
      vec m[points_a_side], out[taps];
      for (int i = 0; i < points_a_side; ++i) m[i] = half[i][k];
      Winograd<T, taps>::sums(m, out);
      for (int r = 0; r < taps; ++r) store(found[r * taps + k], out[r]);
    }
    const int count = static_cast<int>(n - t < lanes ? n - t : lanes);
    for (int k = 0; k < taps * taps; ++k)
      for (int lane = 0; lane < count; ++lane) weight[taps * taps * lane + tap[k]] = found[k][lane];
  }
}

template <class T, int taps>
constexpr WinogradLoops<T> winograd_loops() {
  return {winograd_read<T, taps, false>, winograd_read<T, taps, true>, winograd_output<T, taps>,
          winograd_weight<T, taps>, winograd_sums<T, taps>};
}

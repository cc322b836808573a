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

// Shuffles with constant patterns: a pattern filled in a loop is built again each time it is used.

template <class V, int... I>
inline __attribute__((always_inline)) V every_other_of(V a, V b, std::integral_constant<int, 0>,
                                                       std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, 2 * I...);
}
template <class V, int... I>
inline __attribute__((always_inline)) V every_other_of(V a, V b, std::integral_constant<int, 1>,
                                                       std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, 2 * I + 1 ...);
}
/// Every other element of two vectors side by side, from `first` (0 or 1) on.
template <class T, int first>
inline __attribute__((always_inline)) typename Vec<T>::type every_other(typename Vec<T>::type a,
                                                                        typename Vec<T>::type b) {
  return every_other_of(a, b, std::integral_constant<int, first>{},
                        std::make_integer_sequence<int, Vec<T>::lanes>{});
}

template <int half, class V, int... I>
inline __attribute__((always_inline)) V zipped_of(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  return __builtin_shufflevector(a, b, half * lanes / 2 + I / 2 + (I % 2 ? lanes : 0)...);
}
/// a[0] b[0] a[1] b[1] ... of the lower halves (half 0) or the upper ones (half 1).
template <class T, int half>
inline __attribute__((always_inline)) typename Vec<T>::type zipped(typename Vec<T>::type a,
                                                                   typename Vec<T>::type b) {
  return zipped_of<half>(a, b, std::make_integer_sequence<int, Vec<T>::lanes>{});
}

template <int by, class V, int... I>
inline __attribute__((always_inline)) V rotated(V a, std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  return __builtin_shufflevector(a, a, (I + by) % lanes...);
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

/// Elements 0, step, 2 step, ... of `from`, for the lanes of the masks.
template <class T, int step>
inline __attribute__((always_inline)) typename Vec<T>::type load_every_of(const T* from,
                                                                          Span<T> low,
                                                                          Span<T> high) {
  typename Vec<T>::type value = load_span(from, low);
  if constexpr (step == 2) {
    const auto rest = load_span(from + Vec<T>::lanes, high);
    value = every_other<T, 0>(value, rest);
  }
  return value;
}

/// The masks of load_every_of for results [begin, end) of those from `first` on.
template <class T, int step>
inline __attribute__((always_inline)) void masks_of(int64_t begin, int64_t end, int64_t first,
                                                    Span<T>& low, Span<T>& high) {
  constexpr int lanes = Vec<T>::lanes;
  auto bound = [](int64_t value) {
    return static_cast<int>(value < 0 ? 0 : value > lanes ? lanes : value);
  };
  const int b = bound(begin - first), e = bound(end - first);
  const int from = step * b, to = b < e ? step * (e - 1) + 1 : from;
  low = span_of<T>(bound(from), bound(to));
  high = span_of<T>(bound(from - lanes), bound(to - lanes));
}

/// As many taps and chunks at a time as have their masks in the first-level cache. Rows are written
/// from end to end: they seldom fit that cache together.
template <class T, int step>
void pack_taps_masked(const TapBlock<T>& block) {
  constexpr int64_t most_masks = 128 * 16 / sizeof(Span<T>);
  Span<T> low[most_masks], high[most_masks], whole[most_masks];
  for (int64_t i0 = 0; i0 < block.n_chunks; i0 += most_masks) {
    const int64_t n = block.n_chunks - i0 < most_masks ? block.n_chunks - i0 : most_masks;
    const PixelChunk* chunk = block.chunk + i0;
    for (int64_t i = 0; i < n; ++i) whole[i] = span_of<T>(0, chunk[i].count);
    const int64_t taps_at_once = most_masks / n;
    for (int64_t t0 = 0; t0 < block.n_taps; t0 += taps_at_once) {
      const int64_t n_taps = block.n_taps - t0 < taps_at_once ? block.n_taps - t0 : taps_at_once;
      for (int64_t t = 0; t < n_taps; ++t)
        for (int64_t i = 0; i < n; ++i) {
          const TapRange range = block.range[(t0 + t) * block.n_chunks + i0 + i];
          masks_of<T, step>(range.begin, range.end, 0, low[t * n + i], high[t * n + i]);
        }
      const T* channel = block.from;
      T* const to = block.to;
      for (int64_t c = 0; c < block.n_channels; ++c, channel += block.channel_step) {
        if (t0 == 0)  // channels are too far apart to be fetched ahead unasked
          for (int64_t i = 0; i < n; ++i)
            __builtin_prefetch(channel + block.channel_step + chunk[i].from);
        int64_t row = c * block.n_taps + t0;
        for (int64_t t = 0; t < n_taps; ++t, ++row) {
          const T* from = channel + block.offset[t0 + t];
          for (int64_t i = 0; i < n; ++i) {
            const auto value =
                load_every_of<T, step>(from + chunk[i].from, low[t * n + i], high[t * n + i]);
            store_span(to + chunk[i].to + row * chunk[i].to_row, value, whole[i]);
          }
        }
      }
    }
  }
}

template <class T>
void pack_taps(const TapBlock<T>& block) {
  if constexpr (has_spans) {
    if (block.column_step == 1) return pack_taps_masked<T, 1>(block);
    if (block.column_step == 2) return pack_taps_masked<T, 2>(block);
  }
  int64_t row = 0;
  for (int64_t c = 0; c < block.n_channels; ++c)
    for (int64_t t = 0; t < block.n_taps; ++t, ++row)
      for (int64_t i = 0; i < block.n_chunks; ++i) {
        const PixelChunk& chunk = block.chunk[i];
        const TapRange& range = block.range[t * block.n_chunks + i];
        const T* from = block.from + c * block.channel_step + block.offset[t] + chunk.from;
        T* to = block.to + chunk.to + row * chunk.to_row;
        for (int j = 0; j < range.begin; ++j) to[j] = T(0);
        for (int j = range.begin; j < range.end; ++j) to[j] = from[j * block.column_step];
        for (int j = range.end; j < chunk.count; ++j) to[j] = T(0);
      }
}

template <class T>
inline __attribute__((always_inline)) T sum_lanes(typename Vec<T>::type value) {
  // The upper half of the live lanes onto the lower, again and again: the same tree on every call.
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto all = std::make_integer_sequence<int, lanes>{};
  if constexpr (lanes >= 16) value += rotated<8>(value, all);
  if constexpr (lanes >= 8) value += rotated<4>(value, all);
  if constexpr (lanes >= 4) value += rotated<2>(value, all);
  value += rotated<1>(value, all);
  return value[0];
}

/// `columns_known` taps in each row, or as many as the task says if 0.
template <class T, int step, int phases, int columns_known>
void depthwise_planes(const DepthwiseTask<T>& task) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  Span<T> low[phases][most_depthwise_taps] = {}, high[phases][most_depthwise_taps] = {};
  const int64_t n_columns = task.columns[0].count;
  auto taps_of = [&](int phase) {
    return columns_known ? columns_known : task.columns[phase].n_taps;
  };
  const T* source = task.source;
  T* target = task.target;
  for (int64_t p = 0; p < task.n_planes;
       ++p, source += task.source_plane, target += task.target_plane) {
    const int64_t channel = (task.first_plane + p) % task.n_channels;
    // The weights in the order in which they are used.
    T weight[phases][most_depthwise_taps * most_depthwise_taps];
    for (int phase = 0; phase < phases; ++phase)
      for (int k = 0; k < task.rows.n_taps * taps_of(phase); ++k)
        weight[phase][k] = task.weight[channel * task.weight_channel + task.tap[phase][k]];
    const vec start = splat(task.bias ? task.bias[channel] : T(0));
    for (int64_t j0 = 0; j0 < n_columns; j0 += lanes) {
      if (p == 0 || n_columns > lanes)
        for (int phase = 0; phase < phases; ++phase) {
          const DepthwiseTaps& columns = task.columns[phase];
          for (int k = 0; k < taps_of(phase); ++k)
            masks_of<T, step>(columns.begin[k], columns.end[k], j0, low[phase][k], high[phase][k]);
        }
      const int64_t results =
          phases == 1 ? n_columns - j0 : n_columns + task.columns[phases - 1].count - 2 * j0;
      const int here = static_cast<int>(results < lanes ? results : lanes);
      const int64_t after = results - lanes < 0 ? 0 : results - lanes;
      const Span<T> first_out = span_of<T>(0, here),
                    second_out = span_of<T>(0, static_cast<int>(after < lanes ? after : lanes));
      for (int64_t i = 0; i < task.rows.count; ++i) {
        vec sum[phases];
        for (int phase = 0; phase < phases; ++phase) sum[phase] = start;
        for (int r = 0; r < task.rows.n_taps; ++r) {
          if (i < task.rows.begin[r] || i >= task.rows.end[r]) continue;
          const T* from =
              source + (i * task.row_step + task.rows.offset[r]) * task.source_row + j0 * step;
#pragma GCC unroll 2
          for (int phase = 0; phase < phases; ++phase) {
            const T* w = weight[phase] + r * taps_of(phase);
            for (int k = 0; k < taps_of(phase); ++k)
              sum[phase] = multiply_add(splat(w[k]),
                                        load_every_of<T, step>(from + task.columns[phase].offset[k],
                                                               low[phase][k], high[phase][k]),
                                        sum[phase]);
          }
        }
        if (task.relu)
          for (int phase = 0; phase < phases; ++phase)
            sum[phase] = sum[phase] < T(0) ? vec{} : sum[phase];
        T* to = target + i * task.target_row + phases * j0;
        if constexpr (phases == 1) {
          store_span(to, sum[0], first_out);
        } else {
          store_span(to, zipped<T, 0>(sum[0], sum[1]), first_out);
          store_span(to + lanes, zipped<T, 1>(sum[0], sum[1]), second_out);
        }
      }
    }
  }
}

template <class T>
void depthwise(const DepthwiseTask<T>& task) {
  const bool three = task.columns[0].n_taps == 3;
  if (task.column_step == 2)
    return three ? depthwise_planes<T, 2, 1, 3>(task) : depthwise_planes<T, 2, 1, 0>(task);
  if (task.n_phases == 2) return depthwise_planes<T, 1, 2, 0>(task);
  three ? depthwise_planes<T, 1, 1, 3>(task) : depthwise_planes<T, 1, 1, 0>(task);
}

template <class T, int step, int n_taps>
void depthwise_outer_taps(const DepthwiseTask<T>& task, const T* grad, int64_t channel, T* sums) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const DepthwiseTaps& columns = task.columns[0];
  const int64_t source_item = task.n_channels * task.source_plane,
                grad_item = task.n_channels * task.target_plane;
  for (int r = 0; r < task.rows.n_taps; ++r) {
    vec sum[n_taps] = {};
    for (int64_t j0 = 0; j0 < columns.count; j0 += lanes) {
      Span<T> low[n_taps], high[n_taps];
      for (int k = 0; k < n_taps; ++k)
        masks_of<T, step>(columns.begin[k], columns.end[k], j0, low[k], high[k]);
      const int64_t left = columns.count - j0;
      const Span<T> here = span_of<T>(0, static_cast<int>(left < lanes ? left : lanes));
      const T* source = task.source + channel * task.source_plane + j0 * step +
                        task.rows.offset[r] * task.source_row;
      const T* g = grad + channel * task.target_plane + j0;
      for (int64_t item = 0; item < task.n_planes; ++item, source += source_item, g += grad_item)
        for (int64_t i = task.rows.begin[r]; i < task.rows.end[r]; ++i) {
          const vec value = load_span(g + i * task.target_row, here);
          const T* from = source + i * task.row_step * task.source_row;
#pragma GCC unroll 8
          for (int k = 0; k < n_taps; ++k)
            sum[k] = multiply_add(
                value, load_every_of<T, step>(from + columns.offset[k], low[k], high[k]), sum[k]);
        }
    }
    for (int k = 0; k < n_taps; ++k) sums[r * n_taps + k] = sum_lanes<T>(sum[k]);
  }
}

template <class T>
void depthwise_outer(const DepthwiseTask<T>& task, const T* grad, int64_t channel, T* sums) {
  auto run = [&]<int step>() {
    if (task.columns[0].n_taps == 3)
      return depthwise_outer_taps<T, step, 3>(task, grad, channel, sums);
    if (task.columns[0].n_taps == 5)
      return depthwise_outer_taps<T, step, 5>(task, grad, channel, sums);
    depthwise_outer_taps<T, step, 7>(task, grad, channel, sums);
  };
  if (task.column_step == 2) return run.template operator()<2>();
  run.template operator()<1>();
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
          store(rows[i][copy] + 4 * chunk->lane, inside ? load_span(from, span) : vec{});
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
        vec value = load_span(from, span);
        zeros = multiply_add(value, vec{}, zeros);
        if (relu) value = value < T(0) ? vec{} : value;
        store_span(to, value, span);
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
    for (int k = 0; k < lanes; ++k) rows[k] = k < count ? load_span(weight + 9 * k, most) : vec{};
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

template <class T>
constexpr auto depthwise_kernel() -> void (*)(const DepthwiseTask<T>&) {
  if constexpr (has_spans) return depthwise<T>;
  return nullptr;
}
template <class T>
constexpr auto depthwise_outer_kernel()
    -> void (*)(const DepthwiseTask<T>&, const T*, int64_t, T*) {
  if constexpr (has_spans) return depthwise_outer<T>;
  return nullptr;
}

template <class T>
constexpr ConvKernels<T> kernels() {
  ConvKernels<T> found = {Vec<T>::lanes,
                          most_m,
                          most_v,
                          most_g,
                          most_x,
                          correlate<T>,
                          store_tile<T>,
                          outer<T>,
                          pack_rows<T>,
                          pack_taps<T>,
                          depthwise_kernel<T>(),
                          depthwise_outer_kernel<T>()};
  if constexpr (sizeof(T) == 4) {
    found.winograd_input = winograd_read<T, 6>;
    found.winograd_grad = winograd_read<T, 4>;
    found.winograd_output = winograd_output<T>;
    found.winograd_weight = winograd_weight<T>;
    found.winograd_sums = winograd_sums<T>;
  }
  return found;
}

extern const ConvKernels<float> float_kernels = kernels<float>();
extern const ConvKernels<double> double_kernels = kernels<double>();

// The loops of conv/simd.h, for the vector width and tile sizes that the including file sets:
// vector_bytes, most_m, most_v, most_g, most_x, and multiply_add(a, b, sum) = a * b + sum over
// vectors, inside its own namespace. No include guard: each instruction set compiles its own copy.

#include "kernels/simd/vector_body.h"

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

template <class V, int... I>
inline __attribute__((always_inline)) V every_third_of(V a, V b, V c,
                                                       std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  const V low = __builtin_shufflevector(a, b, (3 * I < 2 * lanes ? 3 * I : I)...);
  return __builtin_shufflevector(low, c, (3 * I < 2 * lanes ? I : 3 * I - lanes)...);
}
/// Elements 0, step, 2 step, ... of `step` vectors side by side; step: 1 to 4.
template <class T, int step>
inline __attribute__((always_inline)) typename Vec<T>::type every_of(
    const typename Vec<T>::type (&part)[step]) {
  if constexpr (step == 1)
    return part[0];
  else if constexpr (step == 2)
    return every_other<T, 0>(part[0], part[1]);
  else if constexpr (step == 3)
    return every_third_of(part[0], part[1], part[2],
                          std::make_integer_sequence<int, Vec<T>::lanes>{});
  else
    return every_other<T, 0>(every_other<T, 0>(part[0], part[1]),
                             every_other<T, 0>(part[2], part[3]));
}

/// The lanes of `step` vectors side by side in which every step-th element is read.
template <class T, int step>
struct Spans {
  Span<T> part[step];
};

/// Elements 0, step, 2 step, ... of `from`, for the lanes of the masks.
template <class T, int step>
inline __attribute__((always_inline)) typename Vec<T>::type load_every_of(
    const T* from, const Spans<T, step>& spans) {
  typename Vec<T>::type part[step];
#pragma GCC unroll 4
  for (int i = 0; i < step; ++i) part[i] = load_some(from + i * Vec<T>::lanes, spans.part[i]);
  return every_of<T, step>(part);
}

/// The masks of load_every_of for results [begin, end) of those from `first` on.
template <class T, int step>
inline __attribute__((always_inline)) Spans<T, step> spans_of(int64_t begin, int64_t end,
                                                              int64_t first) {
  constexpr int lanes = Vec<T>::lanes;
  auto bound = [](int64_t value) {
    return static_cast<int>(value < 0 ? 0 : value > lanes ? lanes : value);
  };
  const int b = bound(begin - first), e = bound(end - first);
  const int from = step * b, to = b < e ? step * (e - 1) + 1 : from;
  Spans<T, step> spans;
#pragma GCC unroll 4
  for (int i = 0; i < step; ++i)
    spans.part[i] = span_of<T>(bound(from - i * lanes), bound(to - i * lanes));
  return spans;
}

/// Rows of a few vectors, a column of vectors at a time: their masks are those of all rows.
template <class T, int step>
void pack_short_rows(const T* from, int64_t from_step, int64_t n_rows, int64_t begin, int64_t end,
                     int64_t row_length, T* to) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t j = 0; j < row_length; j += lanes) {
    const int64_t width = row_length - j < lanes ? row_length - j : lanes;
    const Span<T> all = span_of<T>(0, static_cast<int>(width));
    const Spans<T, step> spans = spans_of<T, step>(begin, end, j);
    const T* row = from + (j - begin) * step;
    for (int64_t r = 0; r < n_rows; ++r, row += from_step) {
      store_some(to + r * row_length + j, load_every_of<T, step>(row, spans), all);
    }
  }
}

template <class T>
void pack_rows(const T* from, int64_t from_step, int64_t column_step, int64_t n_rows, int64_t begin,
               int64_t end, int64_t row_length, T* to) {
  if constexpr (has_spans) {
    constexpr int64_t most = 4 * Vec<T>::lanes;
    if (column_step == 1 && row_length <= most)
      return pack_short_rows<T, 1>(from, from_step, n_rows, begin, end, row_length, to);
    if (column_step == 2 && row_length <= most)
      return pack_short_rows<T, 2>(from, from_step, n_rows, begin, end, row_length, to);
    if (column_step == 3 && row_length <= most)
      return pack_short_rows<T, 3>(from, from_step, n_rows, begin, end, row_length, to);
    if (column_step == 4 && row_length <= most)
      return pack_short_rows<T, 4>(from, from_step, n_rows, begin, end, row_length, to);
  }
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

/// As many taps and chunks at a time as have their masks in the first-level cache.
template <class T, int step>
void pack_taps_masked(const TapBlock<T>& block) {
  constexpr int64_t most_masks = 128 * 32 / ((step < 2 ? 2 : step) * sizeof(Span<T>)),
                    line = 64 / sizeof(T);
  Spans<T, step> spans[most_masks];
  Span<T> whole[most_masks];
  for (int64_t t0 = 0, n_taps; t0 < block.n_taps; t0 += n_taps) {
    n_taps = block.n_taps - t0 < most_masks ? block.n_taps - t0 : most_masks;
    const int64_t* offset = block.offset + t0;
    for (int64_t i0 = 0, n; i0 < block.n_chunks; i0 += n) {
      n = block.n_chunks - i0 < most_masks / n_taps ? block.n_chunks - i0 : most_masks / n_taps;
      const PixelChunk* chunk = block.chunk + i0;
      for (int64_t i = 0; i < n; ++i) {
        whole[i] = span_of<T>(0, chunk[i].count);
        for (int64_t t = 0; t < n_taps; ++t) {
          const TapRange range = block.range[(t0 + t) * block.n_chunks + i0 + i];
          spans[i * n_taps + t] = spans_of<T, step>(range.begin, range.end, 0);
        }
      }
      const T* channel = block.from;
      for (int64_t c = 0; c < block.n_channels; ++c, channel += block.channel_step)
        for (int64_t i = 0; i < n; ++i) {
          const T* from = channel + chunk[i].from;
          const int64_t to_row = chunk[i].to_row;
          T* to = block.to + chunk[i].to + (c * block.n_taps + t0) * to_row;
          if (t0 == 0) {  // channels are too far apart to be fetched ahead unasked
            const T* next = from + block.channel_step;
            for (int64_t row = 0; row < block.fetch_rows; ++row, next += block.fetch_row)
              for (int64_t j = 0; j < step * chunk[i].count; j += line)
                __builtin_prefetch(next + j);
          }
          const Span<T> all = whole[i];
          const Spans<T, step>* reads = spans + i * n_taps;
          for (int64_t t = 0; t < n_taps; ++t, to += to_row)
            store_some(to, load_every_of<T, step>(from + offset[t], reads[t]), all);
        }
    }
  }
}

/// One tap of a chunk, pixel by pixel.
template <class T>
inline void pack_tap(const T* from, int64_t step, const PixelChunk& chunk, const TapRange& range,
                     T* to) {
  for (int j = 0; j < range.begin; ++j) to[j] = T(0);
  for (int j = range.begin; j < range.end; ++j) to[j] = from[j * step];
  for (int j = range.end; j < chunk.count; ++j) to[j] = T(0);
}

/// Pixels far apart: taps that lie side by side in the source are read together, one vector a
/// pixel, and turned into rows of pixels.
template <class T>
void pack_taps_turned(const TapBlock<T>& block) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t c = 0; c < block.n_channels; ++c)
    for (int64_t i = 0; i < block.n_chunks; ++i) {
      const PixelChunk& chunk = block.chunk[i];
      const T* channel = block.from + c * block.channel_step + chunk.from;
      T* to = block.to + chunk.to + c * block.n_taps * chunk.to_row;
      auto whole = [&](int64_t t) {
        const TapRange& range = block.range[t * block.n_chunks + i];
        return range.begin == 0 && range.end == chunk.count;
      };
      for (int64_t t = 0, n; t < block.n_taps; t += n, to += n * chunk.to_row) {
        const T* from = channel + block.offset[t];
        for (n = 0; n < lanes && t + n < block.n_taps; ++n)
          if (block.offset[t + n] != block.offset[t] + n || !whole(t + n)) break;
        if (n < 3) {
          n = 1;
          pack_tap(from, block.column_step, chunk, block.range[t * block.n_chunks + i], to);
          continue;
        }
        typename Vec<T>::type v[lanes];
        const Span<T> taps = span_of<T>(0, static_cast<int>(n));
        for (int j = 0; j < lanes; ++j)
          v[j] = j < chunk.count ? load_some(from + j * block.column_step, taps)
                                 : typename Vec<T>::type{};
        transpose<T>(v);
        const Span<T> pixels = span_of<T>(0, chunk.count);
        for (int64_t k = 0; k < n; ++k) store_some(to + k * chunk.to_row, v[k], pixels);
      }
    }
}

template <class T>
void pack_taps(const TapBlock<T>& block) {
  if constexpr (has_spans) {
    if (block.column_step == 1) return pack_taps_masked<T, 1>(block);
    if (block.column_step == 2) return pack_taps_masked<T, 2>(block);
    if (block.column_step == 3) return pack_taps_masked<T, 3>(block);
    return pack_taps_turned<T>(block);
  }
  int64_t row = 0;
  for (int64_t c = 0; c < block.n_channels; ++c)
    for (int64_t t = 0; t < block.n_taps; ++t, ++row)
      for (int64_t i = 0; i < block.n_chunks; ++i) {
        const PixelChunk& chunk = block.chunk[i];
        const TapRange& range = block.range[t * block.n_chunks + i];
        const T* from = block.from + c * block.channel_step + block.offset[t] + chunk.from;
        pack_tap(from, block.column_step, chunk, range, block.to + chunk.to + row * chunk.to_row);
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

#include "kernels/conv/depthwise_body.h"

#include "kernels/conv/across_body.h"
#include "kernels/conv/channels_body.h"

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

#include "kernels/conv/winograd_body.h"

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
                          depthwise_outer_kernel<T>(),
                          across<T>,
                          across_outer<T>,
                          channels<T, T>,
                          channels_outer<T, T>};
  if constexpr (sizeof(T) == 4) {
    found.channels_of_halves = channels<T, uint16_t>;
    found.channels_outer_of_halves = channels_outer<T, uint16_t>;
    found.winograd[0] = winograd_loops<T, 2>();
    found.winograd[1] = winograd_loops<T, 3>();
  }
  return found;
}

extern const ConvKernels<float> float_kernels = kernels<float>();
extern const ConvKernels<double> double_kernels = kernels<double>();

// The depthwise loops of conv/simd.h, a part of conv/simd_body.h, which includes it. No include
// guard: each instruction set compiles its own copy.

/// What the results of some rows of one vector of columns need.
template <class T, int step, int phases>
struct DepthwiseStrip {
  Spans<T, step> spans[phases][most_depthwise_taps];
  T weight[phases][most_depthwise_taps * most_depthwise_taps];  // in the order of their use
  bool inside;                                                  // all taps of all lanes are
  const T* source;  // of row 0 of the plane, the first column
  T* target;
  typename Vec<T>::type start;
  Span<T> first_out, second_out;
};

/// `rows` rows of results from row i on, each with sums of its own, which hide each other's
/// latency. With `whole` all their taps lie inside the plane's rows.
template <class T, int step, int phases, int columns_known, int rows, bool whole, bool inside>
inline __attribute__((always_inline)) void depthwise_rows(
    const DepthwiseTask<T>& task, const DepthwiseStrip<T, step, phases>& strip, int64_t i) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  vec sum[phases][rows];
  const int64_t row_step = task.row_step, source_row = task.source_row;
  const T* first = strip.source + i * row_step * source_row;
#pragma GCC unroll 2
  for (int phase = 0; phase < phases; ++phase)
#pragma GCC unroll 4
    for (int q = 0; q < rows; ++q) sum[phase][q] = strip.start;
  for (int r = 0; r < task.rows.n_taps; ++r) {
    // Registers for the addresses: one a row, and one for the tap's offset.
    const T* from[rows];
    bool used[rows];
#pragma GCC unroll 4
    for (int q = 0; q < rows; ++q) {
      from[q] = first + (task.rows.offset[r] + q * row_step) * source_row;
      used[q] = i + q >= task.rows.begin[r] && i + q < task.rows.end[r];
    }
#pragma GCC unroll 2
    for (int phase = 0; phase < phases; ++phase) {
      const int n_taps = columns_known ? columns_known : task.columns[phase].n_taps;
      const T* w = strip.weight[phase] + r * n_taps;
#pragma GCC unroll 7
      for (int k = 0; k < n_taps; ++k) {
        const vec factor = splat(w[k]);
        const int64_t offset = task.columns[phase].offset[k];
#pragma GCC unroll 4
        for (int q = 0; q < rows; ++q) {
          if (!whole && !used[q]) continue;
          vec value;
          if constexpr (inside)
            value = load(from[q] + offset);
          else
            value = load_every_of<T, step>(from[q] + offset, strip.spans[phase][k]);
          sum[phase][q] = multiply_add(factor, value, sum[phase][q]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int q = 0; q < rows; ++q) {
    if (task.relu)
      for (int phase = 0; phase < phases; ++phase)
        sum[phase][q] = sum[phase][q] < T(0) ? vec{} : sum[phase][q];
    T* to = strip.target + (i + q) * task.target_row;
    if constexpr (phases == 1) {
      store_some(to, sum[0][q], strip.first_out);
    } else {
      store_some(to, zipped<T, 0>(sum[0][q], sum[1][q]), strip.first_out);
      store_some(to + lanes, zipped<T, 1>(sum[0][q], sum[1][q]), strip.second_out);
    }
  }
}

/// `columns_known` taps in each row, or as many as the task says if 0.
template <class T, int step, int phases, int columns_known>
void depthwise_planes(const DepthwiseTask<T>& task) {
  constexpr int lanes = Vec<T>::lanes, at_once = 4;
  DepthwiseStrip<T, step, phases> strip = {};
  const int64_t n_columns = task.columns[0].count, n_rows = task.rows.count;
  auto taps_of = [&](int phase) {
    return columns_known ? columns_known : task.columns[phase].n_taps;
  };
  // Rows whose taps all lie inside.
  int64_t first_whole = 0, last_whole = n_rows;
  for (int r = 0; r < task.rows.n_taps; ++r) {
    first_whole = task.rows.begin[r] > first_whole ? task.rows.begin[r] : first_whole;
    last_whole = task.rows.end[r] < last_whole ? task.rows.end[r] : last_whole;
  }
  const T* source = task.source;
  T* target = task.target;
  for (int64_t p = 0; p < task.n_planes;
       ++p, source += task.source_plane, target += task.target_plane) {
    const int64_t channel = (task.first_plane + p) % task.n_channels;
    for (int phase = 0; phase < phases; ++phase)
      for (int k = 0; k < task.rows.n_taps * taps_of(phase); ++k)
        strip.weight[phase][k] = task.weight[channel * task.weight_channel + task.tap[phase][k]];
    strip.start = splat(task.bias ? task.bias[channel] : T(0));
    for (int64_t j0 = 0; j0 < n_columns; j0 += lanes) {
      if (p == 0 || n_columns > lanes) {
        strip.inside = step == 1;
        for (int phase = 0; phase < phases; ++phase) {
          const DepthwiseTaps& columns = task.columns[phase];
          for (int k = 0; k < taps_of(phase); ++k) {
            strip.spans[phase][k] = spans_of<T, step>(columns.begin[k], columns.end[k], j0);
            strip.inside &= columns.begin[k] <= j0 && columns.end[k] >= j0 + lanes;
          }
        }
      }
      const int64_t results =
          phases == 1 ? n_columns - j0 : n_columns + task.columns[phases - 1].count - 2 * j0;
      const int here = static_cast<int>(results < lanes ? results : lanes);
      const int64_t after = results - lanes < 0 ? 0 : results - lanes;
      strip.first_out = span_of<T>(0, here);
      strip.second_out = span_of<T>(0, static_cast<int>(after < lanes ? after : lanes));
      strip.source = source + j0 * step;
      strip.target = target + phases * j0;
      int64_t i = 0;
      for (; i + at_once <= n_rows; i += at_once) {
        const bool whole = i >= first_whole && i + at_once <= last_whole;
        if (!whole)
          depthwise_rows<T, step, phases, columns_known, at_once, false, false>(task, strip, i);
        else if (step == 1 && strip.inside)
          depthwise_rows<T, step, phases, columns_known, at_once, true, step == 1>(task, strip, i);
        else
          depthwise_rows<T, step, phases, columns_known, at_once, true, false>(task, strip, i);
      }
      for (; i < n_rows; ++i)
        depthwise_rows<T, step, phases, columns_known, 1, false, false>(task, strip, i);
    }
  }
}

/// Elements k, k + 1, ... of two vectors side by side.
template <int k, class V, int... I>
inline __attribute__((always_inline)) V shifted(V a, V b, std::integer_sequence<int, I...>) {
  if constexpr (k == 0)
    return a;
  else
    return __builtin_shufflevector(a, b, (k + I)...);
}

/// Calls body.operator()<i>() for i = 0, 1, ... below n.
template <int n, class Body, int... I>
inline __attribute__((always_inline)) void each_constant(Body&& body,
                                                         std::integer_sequence<int, I...>) {
  (body.template operator()<I>(), ...);
}

/// Results of dense_rows rows and two vectors of columns. Vectors that begin at any element mostly
/// cross a line of the cache, so each row of the source is read in whole ones and shifted in
/// registers, once for all rows of results that it is part of.
template <class T, int taps>
inline __attribute__((always_inline)) void dense_tile(const T* from, int64_t row, const T* weight,
                                                      typename Vec<T>::type start,
                                                      typename Vec<T>::type (&sum)[dense_rows][2]) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
  constexpr int vectors = 3 + (taps - 1) / lanes;
  each_constant<dense_rows>([&]<int q>()
                                __attribute__((always_inline)) { sum[q][0] = sum[q][1] = start; },
                            std::make_integer_sequence<int, dense_rows>{});
  each_constant<dense_rows + taps - 1>(
      [&]<int s>() __attribute__((always_inline)) {
        const T* at = from + s * row;
        vec x[vectors];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) x[v] = load(at + v * lanes);
        each_constant<taps>(
            [&]<int k>() __attribute__((always_inline)) {
              constexpr int v = k / lanes;
              const vec left = shifted<k % lanes>(x[v], x[v + 1], order);
              const vec right = shifted<k % lanes>(x[v + 1], x[v + 2], order);
              each_constant<dense_rows>(
                  [&]<int q>() __attribute__((always_inline)) {
                    if constexpr (s - q >= 0 && s - q < taps) {
                      const vec w = splat(weight[(s - q) * taps + k]);
                      sum[q][0] = multiply_add(w, left, sum[q][0]);
                      sum[q][1] = multiply_add(w, right, sum[q][1]);
                    }
                  },
                  std::make_integer_sequence<int, dense_rows>{});
            },
            std::make_integer_sequence<int, taps>{});
      },
      std::make_integer_sequence<int, dense_rows + taps - 1>{});
}

template <class T, int taps>
void dense_planes(const DepthwiseTask<T>& task) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const DepthwiseTaps &rows = task.rows, &columns = task.columns[0];
  const int64_t n_rows = rows.count, n_columns = columns.count;
  const int64_t row = dense_depthwise_row(n_columns + taps - 1, lanes);
  const int64_t in_rows = task.source_plane / task.source_row, in_columns = task.source_row;
  // Backwards, taps go from the last to the first.
  const bool down = rows.offset[1] < rows.offset[0], back = columns.offset[1] < columns.offset[0];
  const int64_t top = down ? rows.offset[taps - 1] : rows.offset[0],
                left = back ? columns.offset[taps - 1] : columns.offset[0];
  const int64_t bordered_rows = (n_rows + dense_rows - 1) / dense_rows * dense_rows + taps - 1;
  T* bordered = task.bordered;
  for (int64_t i = 0; i < bordered_rows * row; ++i) bordered[i] = T(0);
  for (int64_t p = 0; p < task.n_planes; ++p) {
    const int64_t channel = (task.first_plane + p) % task.n_channels;
    T weight[taps * taps];
    for (int r = 0; r < taps; ++r)
      for (int k = 0; k < taps; ++k)
        weight[r * taps + k] =
            task.weight[channel * task.weight_channel +
                        task.tap[0][(down ? taps - 1 - r : r) * taps + (back ? taps - 1 - k : k)]];
    // Row i of the border's is row i + top of the source, and so are columns.
    const T* source = task.source + p * task.source_plane;
    for (int64_t i = top < 0 ? -top : 0; i < bordered_rows && i + top < in_rows; ++i) {
      const int64_t first = left < 0 ? -left : 0;
      const int64_t room = row - first, have = in_columns - (first + left);
      const int64_t n = have < room ? have : room;
      const T* in = source + (i + top) * in_columns + first + left;
      T* to = bordered + i * row + first;
      int64_t j = 0;
      for (; j + lanes <= n; j += lanes) store(to + j, load(in + j));
      for (; j < n; ++j) to[j] = in[j];
    }
    const vec start = splat(task.bias ? task.bias[channel] : T(0));
    T* target = task.target + p * task.target_plane;
    for (int64_t i0 = 0; i0 < n_rows; i0 += dense_rows)
      for (int64_t j0 = 0; j0 < n_columns; j0 += 2 * lanes) {
        vec sum[dense_rows][2];
        dense_tile<T, taps>(bordered + i0 * row + j0, row, weight, start, sum);
        const int64_t width = n_columns - j0;
        const Span<T> here = span_of<T>(0, static_cast<int>(width < lanes ? width : lanes));
        const int64_t more = width - lanes < 0 ? 0 : width - lanes;
        const Span<T> after = span_of<T>(0, static_cast<int>(more < lanes ? more : lanes));
#pragma GCC unroll 4
        for (int q = 0; q < dense_rows; ++q) {
          if (i0 + q >= n_rows) break;
          if (task.relu)
            for (vec& value : sum[q]) value = value < T(0) ? vec{} : value;
          T* to = target + (i0 + q) * task.target_row + j0;
          store_some(to, sum[q][0], here);
          if (more) store_some(to + lanes, sum[q][1], after);
        }
      }
  }
}

/// Square kernels without gaps, two pixels a step: the even columns of a plane and its border
/// become a plane, the odd ones another, so that taps read vectors without masks.
template <class T, int taps>
void halved_planes(const DepthwiseTask<T>& task) {
  constexpr int lanes = Vec<T>::lanes, at_once = 4;
  const int64_t n_rows = task.rows.count, n_columns = task.columns[0].count;
  const int64_t in_rows = task.source_plane / task.source_row, in_columns = task.source_row;
  const int64_t top = task.rows.offset[0], left = task.columns[0].offset[0];
  const int64_t half = halved_row(n_columns, lanes), rows = 2 * (n_rows - 1) + taps;
  const int64_t first = top < 0 ? -top : 0, last = rows < in_rows - top ? rows : in_rows - top;
  T* bordered = task.bordered;
  for (int64_t i = 0; i < 2 * rows * half; ++i) bordered[i] = T(0);
  DepthwiseTask<T> halves = task;
  halves.source_row = half;
  for (int k = 0; k < taps; ++k) {
    halves.rows.offset[k] = k;
    halves.columns[0].offset[k] = k % 2 * rows * half + k / 2;
  }
  DepthwiseStrip<T, 1, 1> strip = {};
  for (int64_t p = 0; p < task.n_planes; ++p) {
    const int64_t channel = (task.first_plane + p) % task.n_channels;
    for (int k = 0; k < taps * taps; ++k)
      strip.weight[0][k] = task.weight[channel * task.weight_channel + task.tap[0][k]];
    strip.start = splat(task.bias ? task.bias[channel] : T(0));
    const T* source = task.source + p * task.source_plane + (first + top) * in_columns;
    for (int odd = 0; odd < 2; ++odd) {
      const int64_t at = left + odd, begin = at < 0 ? (1 - at) / 2 : 0;
      const int64_t room = (in_columns - at + 1) / 2, end = room < half ? room : half;
      if (first < last && begin < end)
        pack_short_rows<T, 2>(source + at + 2 * begin, in_columns, last - first, begin, end, half,
                              bordered + (odd * rows + first) * half);
    }
    for (int64_t j0 = 0; j0 < n_columns; j0 += lanes) {
      const int64_t width = n_columns - j0;
      strip.first_out = span_of<T>(0, static_cast<int>(width < lanes ? width : lanes));
      strip.source = bordered + j0;
      strip.target = task.target + p * task.target_plane + j0;
      int64_t i = 0;
      for (; i + at_once <= n_rows; i += at_once)
        depthwise_rows<T, 1, 1, taps, at_once, true, true>(halves, strip, i);
      for (; i < n_rows; ++i) depthwise_rows<T, 1, 1, taps, 1, true, true>(halves, strip, i);
    }
  }
}

template <class T>
void depthwise(const DepthwiseTask<T>& task) {
  if (task.bordered && task.column_step == 2) {
    if (task.rows.n_taps == 5) return halved_planes<T, 5>(task);
    return halved_planes<T, 7>(task);
  }
  if (task.bordered) {
    switch (task.rows.n_taps) {
      case 3: return dense_planes<T, 3>(task);
      case 5: return dense_planes<T, 5>(task);
      default: return dense_planes<T, 7>(task);
    }
  }
  if (task.n_phases == 2) return depthwise_planes<T, 1, 2, 0>(task);
  auto run = [&]<int step>() {
    switch (task.columns[0].n_taps) {
      case 3: return depthwise_planes<T, step, 1, 3>(task);
      case 5: return depthwise_planes<T, step, 1, 5>(task);
      case 7: return depthwise_planes<T, step, 1, 7>(task);
      default: return depthwise_planes<T, step, 1, 0>(task);
    }
  };
  task.column_step == 2 ? run.template operator()<2>() : run.template operator()<1>();
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
      Spans<T, step> spans[n_taps];
      for (int k = 0; k < n_taps; ++k)
        spans[k] = spans_of<T, step>(columns.begin[k], columns.end[k], j0);
      const int64_t left = columns.count - j0;
      const Span<T> here = span_of<T>(0, static_cast<int>(left < lanes ? left : lanes));
      const T* source = task.source + channel * task.source_plane + j0 * step +
                        task.rows.offset[r] * task.source_row;
      const T* g = grad + channel * task.target_plane + j0;
      for (int64_t item = 0; item < task.n_planes; ++item, source += source_item, g += grad_item)
        for (int64_t i = task.rows.begin[r]; i < task.rows.end[r]; ++i) {
          const vec value = load_some(g + i * task.target_row, here);
          const T* from = source + i * task.row_step * task.source_row;
#pragma GCC unroll 8
          for (int k = 0; k < n_taps; ++k)
            sum[k] = multiply_add(value, load_every_of<T, step>(from + columns.offset[k], spans[k]),
                                  sum[k]);
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

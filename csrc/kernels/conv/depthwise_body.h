// The depthwise loops of conv/simd.h, a part of conv/simd_body.h, which includes it. No include
// guard: each instruction set compiles its own copy.

/// What the results of some rows of one vector of columns need.
template <class T, int phases>
struct DepthwiseStrip {
  Span<T> low[phases][most_depthwise_taps], high[phases][most_depthwise_taps];
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
inline __attribute__((always_inline)) void depthwise_rows(const DepthwiseTask<T>& task,
                                                          const DepthwiseStrip<T, phases>& strip,
                                                          int64_t i) {
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
            value =
                load_every_of<T, step>(from[q] + offset, strip.low[phase][k], strip.high[phase][k]);
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
      store_span(to, sum[0][q], strip.first_out);
    } else {
      store_span(to, zipped<T, 0>(sum[0][q], sum[1][q]), strip.first_out);
      store_span(to + lanes, zipped<T, 1>(sum[0][q], sum[1][q]), strip.second_out);
    }
  }
}

/// `columns_known` taps in each row, or as many as the task says if 0.
template <class T, int step, int phases, int columns_known>
void depthwise_planes(const DepthwiseTask<T>& task) {
  constexpr int lanes = Vec<T>::lanes, at_once = 4;
  DepthwiseStrip<T, phases> strip = {};
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
            masks_of<T, step>(columns.begin[k], columns.end[k], j0, strip.low[phase][k],
                              strip.high[phase][k]);
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

template <class T>
void depthwise(const DepthwiseTask<T>& task) {
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

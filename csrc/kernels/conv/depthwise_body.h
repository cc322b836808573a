// The depthwise loops of conv/simd.h, a part of conv/simd_body.h, which includes it. No include
// guard: each instruction set compiles its own copy.

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

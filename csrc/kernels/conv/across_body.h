// The loops of AcrossTask (conv/simd.h), a part of conv/simd_body.h, which includes it. No include
// guard: each instruction set compiles its own copy.

/// Moves n elements of each of `lanes` arrays, element i of them side by side, to where place(i)
/// says; `here` of the arrays differ, the others repeat the last.
template <class T, class Place>
inline void spread_lanes(const T* const* from, int64_t n, Place&& place) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    vec v[lanes];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) v[l] = load(from[l] + i);
    transpose<T>(v);
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) store(place(i + l), v[l]);
  }
  for (; i < n; ++i) {
    T* to = place(i);
    for (int l = 0; l < lanes; ++l) to[l] = from[l][i];
  }
}

/// The way back, for the first `here` arrays.
template <class T>
inline void gather_lanes(const T* from, int64_t n, T* const* to, int here) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    vec v[lanes];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) v[l] = load(from + (i + l) * lanes);
    transpose<T>(v);
    for (int l = 0; l < here; ++l) store(to[l] + i, v[l]);
  }
  for (; i < n; ++i)
    for (int l = 0; l < here; ++l) to[l][i] = from[i * lanes + l];
}

/// Source planes into task.in, whose rows have borders.
template <class T>
inline void spread_planes(const AcrossTask<T>& task, const T* const* from) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t columns = task.source_size[2],
                n = task.source_size[0] * task.source_size[1] * columns;
  T* at = task.in + task.left * lanes;
  int64_t left_in_row = columns;
  spread_lanes<T>(from, n, [&](int64_t) __attribute__((always_inline)) {
    T* to = at;
    at += lanes;
    if (--left_in_row == 0) {
      left_in_row = columns;
      at += (task.row - columns) * lanes;
    }
    return to;
  });
}

/// `tile` results side by side, of which the first n exist; step 0: that of the axis.
template <class T, int step, int tile>
inline void across_tile(const AcrossTask<T>& task, const AcrossPhase& phase, int64_t d, int64_t r,
                        int64_t j0, int64_t n, typename Vec<T>::type start) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t column_step = (step ? step : columns.step) * lanes;
  vec sum[tile];
#pragma GCC unroll 8
  for (int q = 0; q < tile; ++q) sum[q] = start;
  for (int64_t a = 0; a < depths.n_taps; ++a) {
    if (d < depths.begin[a] || d >= depths.end[a]) continue;
    const int64_t depth = d * depths.step + depths.offset[a];
    for (int64_t b = 0; b < rows.n_taps; ++b) {
      if (r < rows.begin[b] || r >= rows.end[b]) continue;
      const int64_t row = depth * task.source_size[1] + r * rows.step + rows.offset[b];
      const T* from = task.in + (row * task.row + task.left) * lanes + j0 * column_step;
      const int64_t* tap = phase.tap + (a * rows.n_taps + b) * columns.n_taps;
      for (int64_t k = 0; k < columns.n_taps; ++k) {
        const vec factor = load(task.weights + tap[k] * lanes);
        const T* x = from + columns.offset[k] * lanes;
#pragma GCC unroll 8
        for (int q = 0; q < tile; ++q)
          sum[q] = multiply_add(factor, load(x + q * column_step), sum[q]);
      }
    }
  }
  T* to = task.out + (((depths.target_start + d * depths.target_step) * task.target_size[1] +
                       rows.target_start + r * rows.target_step) *
                          task.target_size[2] +
                      columns.target_start + j0 * columns.target_step) *
                         lanes;
#pragma GCC unroll 8
  for (int q = 0; q < tile; ++q) {
    if (q >= n) break;
    if (task.relu) sum[q] = sum[q] < T(0) ? vec{} : sum[q];
    store(to + q * columns.target_step * lanes, sum[q]);
  }
}

template <class T, int step>
void across_phase(const AcrossTask<T>& task, const AcrossPhase& phase,
                  typename Vec<T>::type start) {
  const int64_t count = phase.axis[2].count;
  for (int64_t d = 0; d < phase.axis[0].count; ++d)
    for (int64_t r = 0; r < phase.axis[1].count; ++r)
      for (int64_t j = 0; j < count; j += 8) {
        const int64_t n = count - j;
        if (n > 4)
          across_tile<T, step, 8>(task, phase, d, r, j, n, start);
        else
          across_tile<T, step, 4>(task, phase, d, r, j, n, start);
      }
}

/// The pointers of plane p and those after it, of n_planes; the last one again for those beyond.
template <class T, class At>
inline int lanes_from(int64_t p, int64_t n_planes, At&& at, T** pointers) {
  constexpr int lanes = Vec<std::remove_const_t<T>>::lanes;
  const int here = static_cast<int>(n_planes - p < lanes ? n_planes - p : lanes);
  for (int l = 0; l < lanes; ++l) pointers[l] = at(p + (l < here ? l : here - 1));
  return here;
}

template <class T>
void across(const AcrossTask<T>& task) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const int64_t source_plane = task.source_size[0] * task.source_size[1] * task.source_size[2],
                target_plane = task.target_size[0] * task.target_size[1] * task.target_size[2];
  const int64_t n_in = (task.source_size[0] * task.source_size[1] * task.row) * lanes;
  for (int64_t i = 0; i < n_in; ++i) task.in[i] = T(0);
  for (int64_t p = 0; p < task.n_planes; p += lanes) {
    const T *planes[lanes], *kernels[lanes];
    T* results[lanes];
    auto channel = [&](int64_t plane) { return (task.first_plane + plane) % task.n_channels; };
    const int here = lanes_from<const T>(
        p, task.n_planes, [&](int64_t plane) { return task.source + plane * source_plane; },
        planes);
    lanes_from<const T>(
        p, task.n_planes,
        [&](int64_t plane) { return task.weight + channel(plane) * task.n_weights; }, kernels);
    lanes_from<T>(
        p, task.n_planes, [&](int64_t plane) { return task.target + plane * target_plane; },
        results);
    spread_planes(task, planes);
    spread_lanes<T>(kernels, task.n_weights, [&](int64_t i) { return task.weights + i * lanes; });
    vec start{};
    if (task.bias)
      for (int l = 0; l < here; ++l) start[l] = task.bias[channel(p + l)];
    if (task.leaves_gaps)
      for (int64_t i = 0; i < target_plane; ++i) store(task.out + i * lanes, start);
    for (int64_t i = 0; i < task.n_phases; ++i) {
      const AcrossPhase& phase = task.phases[i];
      if (phase.axis[2].step == 1)
        across_phase<T, 1>(task, phase, start);
      else
        across_phase<T, 0>(task, phase, start);
    }
    gather_lanes<T>(task.out, target_plane, results, here);
  }
}

/// Adds to the sums of n_taps columns of a kernel, `tap` of them and those after, what rows of
/// grads and of the source give.
template <class T, int n_taps>
void across_sums(const AcrossTask<T>& task, const AcrossPhase& phase, int64_t a, int64_t b,
                 int64_t k) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t step = columns.step * lanes;
  const int64_t* tap = phase.tap + (a * rows.n_taps + b) * columns.n_taps + k;
  const T* offset[n_taps];
  vec even[n_taps], odd[n_taps];
#pragma GCC unroll 8
  for (int t = 0; t < n_taps; ++t) {
    offset[t] = task.in + (task.left + columns.offset[k + t]) * lanes;
    even[t] = load(task.weights + tap[t] * lanes);
    odd[t] = vec{};
  }
  for (int64_t d = depths.begin[a]; d < depths.end[a]; ++d)
    for (int64_t r = rows.begin[b]; r < rows.end[b]; ++r) {
      const int64_t depth = d * depths.step + depths.offset[a];
      int64_t at =
          (depth * task.source_size[1] + r * rows.step + rows.offset[b]) * task.row * lanes;
      const T* grad = task.out + (d * rows.count + r) * columns.count * lanes;
      int64_t j = 0;
      for (; j + 2 <= columns.count; j += 2, at += 2 * step, grad += 2 * lanes) {
        const vec first = load(grad), second = load(grad + lanes);
#pragma GCC unroll 8
        for (int t = 0; t < n_taps; ++t) {
          even[t] = multiply_add(first, load(offset[t] + at), even[t]);
          odd[t] = multiply_add(second, load(offset[t] + at + step), odd[t]);
        }
      }
      if (j < columns.count) {
        const vec first = load(grad);
#pragma GCC unroll 8
        for (int t = 0; t < n_taps; ++t)
          even[t] = multiply_add(first, load(offset[t] + at), even[t]);
      }
    }
#pragma GCC unroll 8
  for (int t = 0; t < n_taps; ++t) store(task.weights + tap[t] * lanes, even[t] + odd[t]);
}

/// The gradient of the kernels of task.n_channels channels from task.first_plane on, over n_planes
/// items of all channels; task.target holds the gradients of results.
template <class T>
void across_outer(const AcrossTask<T>& task, int64_t all_channels, T* grad_weight) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t source_plane = task.source_size[0] * task.source_size[1] * task.source_size[2],
                target_plane = task.target_size[0] * task.target_size[1] * task.target_size[2];
  const int64_t n_in = (task.source_size[0] * task.source_size[1] * task.row) * lanes;
  for (int64_t i = 0; i < n_in; ++i) task.in[i] = T(0);
  const AcrossPhase& phase = task.phases[0];
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  for (int64_t c = 0; c < task.n_channels; c += lanes) {
    for (int64_t i = 0; i < task.n_weights * lanes; ++i) task.weights[i] = T(0);
    for (int64_t item = 0; item < task.n_planes; ++item) {
      const T *planes[lanes], *grads[lanes];
      const int64_t first = item * all_channels + task.first_plane;
      lanes_from<const T>(
          c, task.n_channels,
          [&](int64_t channel) { return task.source + (first + channel) * source_plane; }, planes);
      lanes_from<const T>(
          c, task.n_channels,
          [&](int64_t channel) {
            return static_cast<const T*>(task.target) + (first + channel) * target_plane;
          },
          grads);
      spread_planes(task, planes);
      spread_lanes<T>(grads, target_plane, [&](int64_t i) { return task.out + i * lanes; });
      for (int64_t a = 0; a < depths.n_taps; ++a)
        for (int64_t b = 0; b < rows.n_taps; ++b)
          for (int64_t k = 0, n; k < columns.n_taps; k += n) {
            n = columns.n_taps - k;
            if (n >= 5)
              across_sums<T, 5>(task, phase, a, b, k), n = 5;
            else if (n == 4)
              across_sums<T, 4>(task, phase, a, b, k);
            else if (n == 3)
              across_sums<T, 3>(task, phase, a, b, k);
            else if (n == 2)
              across_sums<T, 2>(task, phase, a, b, k);
            else
              across_sums<T, 1>(task, phase, a, b, k);
          }
    }
    T* results[lanes];
    const int here = lanes_from<T>(
        c, task.n_channels,
        [&](int64_t channel) {
          return grad_weight + (task.first_plane + channel) * task.n_weights;
        },
        results);
    gather_lanes<T>(task.weights, task.n_weights, results, here);
  }
}

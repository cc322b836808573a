// The loops of ChannelsTask (conv/simd.h), a part of conv/simd_body.h, which includes it. No
// include guard: each instruction set compiles its own copy.

typedef uint16_t HalfBits
    __attribute__((vector_size(vector_bytes / 2), aligned(sizeof(uint16_t)), may_alias));
typedef uint32_t WordBits __attribute__((vector_size(vector_bytes)));

/// As many halves as a vector has words. GCC makes five instructions of its own builtin.
template <class Words>
inline __attribute__((always_inline)) Words load_words(const uint16_t* from) {
#if defined(__x86_64__)
  if constexpr (sizeof(Words) == 64)
    return (Words)_mm512_maskz_cvtepu16_epi32(
        0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#endif
  return __builtin_convertvector(*reinterpret_cast<const HalfBits*>(from), Words);
}

/// A vector of numbers, from bfloat16 where these are its bits.
template <class T, class Given>
inline __attribute__((always_inline)) typename Vec<T>::type load_given(const Given* from) {
  if constexpr (std::is_same_v<T, Given>)
    return load(from);
  else
    return (typename Vec<T>::type)(load_words<WordBits>(from) << 16);
}

/// The way back, rounded to the nearest, of two to the even one.
template <class T, class Given>
inline __attribute__((always_inline)) void store_given(Given* to, typename Vec<T>::type value) {
  if constexpr (std::is_same_v<T, Given>) {
    store(to, value);
  } else {
    const WordBits bits = (WordBits)value, rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    const WordBits is_nan = (WordBits)(value != value);
    typedef uint16_t Halves __attribute__((vector_size(vector_bytes / 2)));
    *reinterpret_cast<HalfBits*>(to) =
        __builtin_convertvector(((is_nan & 0x7fc00000u) | (~is_nan & rounded)) >> 16, Halves);
  }
}

/// What the taps of an axis have in common: results [begin, end) for which all stay inside.
struct Inside {
  int64_t begin, end;
  Inside(const AcrossAxis& axis, int64_t first_tap, int64_t n_taps) : begin(0), end(axis.count) {
    for (int64_t k = first_tap; k < first_tap + n_taps; ++k) {
      begin = axis.begin[k] > begin ? axis.begin[k] : begin;
      end = axis.end[k] < end ? axis.end[k] : end;
    }
    if (end < begin) begin = end = 0;
  }
};

/// Results [j, j + tile) of a row of a block of channels; `edge`: some taps may lie outside.
template <class T, class Given, int tile, bool edge>
inline __attribute__((always_inline)) void channels_tile(const ChannelsTask<T, Given>& task,
                                                         const AcrossPhase& phase, const T* weights,
                                                         int64_t channel, int64_t d, int64_t r,
                                                         int64_t j, typename Vec<T>::type start) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t pixel = task.n_channels, step = columns.step * pixel;
  vec sum[tile];
#pragma GCC unroll 8
  for (int q = 0; q < tile; ++q) sum[q] = start;
  for (int64_t a = 0; a < depths.n_taps; ++a) {
    if (d < depths.begin[a] || d >= depths.end[a]) continue;
    const int64_t depth = d * depths.step + depths.offset[a];
    for (int64_t b = 0; b < rows.n_taps; ++b) {
      if (r < rows.begin[b] || r >= rows.end[b]) continue;
      const int64_t row = depth * task.source_size[1] + r * rows.step + rows.offset[b];
      const Given* from = task.source + row * task.source_size[2] * pixel + channel + j * step;
      const int64_t* tap = phase.tap + (a * rows.n_taps + b) * columns.n_taps;
      for (int64_t k = 0; k < columns.n_taps; ++k) {
        if (edge && (j < columns.begin[k] || j >= columns.end[k])) continue;
        const vec factor = load(weights + tap[k] * lanes);
        const Given* x = from + columns.offset[k] * pixel;
#pragma GCC unroll 8
        for (int q = 0; q < tile; ++q)
          sum[q] = multiply_add(factor, load_given<T>(x + q * step), sum[q]);
      }
    }
  }
  const int64_t row = (depths.target_start + d * depths.target_step) * task.target_size[1] +
                      rows.target_start + r * rows.target_step;
  Given* to = task.target + channel +
              (row * task.target_size[2] + columns.target_start + j * columns.target_step) * pixel;
#pragma GCC unroll 8
  for (int q = 0; q < tile; ++q) {
    if (task.relu) sum[q] = sum[q] < T(0) ? vec{} : sum[q];
    store_given<T>(to + q * columns.target_step * pixel, sum[q]);
  }
}

/// Fetches what the same tile of the next row of results reads first, and where it is written:
/// memory is met in many short pieces, which the machine does not foresee.
template <class T, class Given, int tile>
inline __attribute__((always_inline)) void fetch_tile(const ChannelsTask<T, Given>& task,
                                                      const AcrossPhase& phase, int64_t channel,
                                                      int64_t r, int64_t j) {
  const AcrossAxis &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t pixel = task.n_channels, furthest = rows.offset[0] > rows.offset[rows.n_taps - 1]
                                                        ? rows.offset[0]
                                                        : rows.offset[rows.n_taps - 1];
  const Given* from =
      task.source +
      (((r + 1) * rows.step + furthest) * task.source_size[2] + j * columns.step) * pixel + channel;
  for (int64_t row = 0; row < rows.step; ++row, from -= task.source_size[2] * pixel)
    for (int64_t q = 0; q < tile * columns.step; ++q) __builtin_prefetch(from + q * pixel);
  const int64_t row = rows.target_start + (r + 1) * rows.target_step;
  const Given* to =
      task.target + channel +
      (row * task.target_size[2] + columns.target_start + j * columns.target_step) * pixel;
  for (int64_t q = 0; q < tile; ++q) __builtin_prefetch(to + q * columns.target_step * pixel, 1);
}

/// Results [j, j + tile) of a row, of one block of channels after the other: so both images are
/// read and written as they lie.
template <class T, class Given, int tile, bool edge>
void channels_of_tile(const ChannelsTask<T, Given>& task, const AcrossPhase& phase, int64_t d,
                      int64_t r, int64_t j) {
  constexpr int lanes = Vec<T>::lanes;
  const T* weights = task.weights;
  for (int64_t channel = 0, next; channel < task.n_channels; channel = next) {
    next = channel + lanes;
    if (next > task.n_channels) channel = task.n_channels - lanes;
    const typename Vec<T>::type start =
        task.bias ? load(task.bias + channel) : typename Vec<T>::type{};
    if (!edge && task.fetches) fetch_tile<T, Given, tile>(task, phase, channel, r, j);
    channels_tile<T, Given, tile, edge>(task, phase, weights, channel, d, r, j, start);
    weights += task.n_weights * lanes;
  }
}

/// Results that are summed side by side where columns of taps are neighbours.
constexpr int slide_tile = 8;

/// Adds what one row of the source gives to results whose first tap reads pixel `first`: each pixel
/// is read once, for all taps that meet it; `edge`: some lie outside and are 0.
template <class T, class Given, int n_taps, bool edge>
inline __attribute__((always_inline)) void slide_row(const Given* row, int64_t pixel, int64_t first,
                                                     int64_t width,
                                                     const typename Vec<T>::type (&factor)[n_taps],
                                                     typename Vec<T>::type (&sum)[slide_tile]) {
#pragma GCC unroll 16
  for (int i = 0; i < slide_tile + n_taps - 1; ++i) {
    if (edge && (first + i < 0 || first + i >= width)) continue;
    const auto x = load_given<T>(row + (first + i) * pixel);
#pragma GCC unroll 8
    for (int k = 0; k < n_taps; ++k)
      if (i - k >= 0 && i - k < slide_tile) sum[i - k] = multiply_add(factor[k], x, sum[i - k]);
  }
}

/// A row of results of a kernel of n_taps columns without gaps and steps.
template <class T, class Given, int n_taps>
void slide(const ChannelsTask<T, Given>& task, const AcrossPhase& phase, int64_t d, int64_t r) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t pixel = task.n_channels, width = task.source_size[2], count = columns.count;
  const bool turned = columns.offset[0] > columns.offset[n_taps - 1];
  const int64_t least = columns.offset[turned ? n_taps - 1 : 0];
  Given* const results =
      task.target + (((depths.target_start + d * depths.target_step) * task.target_size[1] +
                      rows.target_start + r * rows.target_step) *
                         task.target_size[2] +
                     columns.target_start) *
                        pixel;
  for (int64_t at = 0; at < count; at += slide_tile) {
    const int64_t j = at + slide_tile <= count || count < slide_tile ? at : count - slide_tile,
                  first = j + least, n = count < slide_tile ? count : slide_tile;
    const bool edge = first < 0 || first + slide_tile + n_taps - 1 > width;
    const T* weights = task.weights;
    for (int64_t channel = 0, next; channel < pixel; channel = next) {
      next = channel + lanes;
      if (next > pixel) channel = pixel - lanes;
      if (!edge && task.fetches) fetch_tile<T, Given, slide_tile>(task, phase, channel, r, j);
      const vec start = task.bias ? load(task.bias + channel) : vec{};
      vec sum[slide_tile];
#pragma GCC unroll 8
      for (int q = 0; q < slide_tile; ++q) sum[q] = start;
      for (int64_t a = 0; a < depths.n_taps; ++a) {
        if (d < depths.begin[a] || d >= depths.end[a]) continue;
        for (int64_t b = 0; b < rows.n_taps; ++b) {
          if (r < rows.begin[b] || r >= rows.end[b]) continue;
          const int64_t line = (d * depths.step + depths.offset[a]) * task.source_size[1] +
                               r * rows.step + rows.offset[b];
          const int64_t* tap = phase.tap + (a * rows.n_taps + b) * n_taps;
          vec factor[n_taps];
#pragma GCC unroll 8
          for (int k = 0; k < n_taps; ++k)
            factor[k] = load(weights + tap[turned ? n_taps - 1 - k : k] * lanes);
          const Given* from = task.source + line * width * pixel + channel;
          if (edge)
            slide_row<T, Given, n_taps, true>(from, pixel, first, width, factor, sum);
          else
            slide_row<T, Given, n_taps, false>(from, pixel, first, width, factor, sum);
        }
      }
      weights += task.n_weights * lanes;
      Given* to = results + j * pixel + channel;
#pragma GCC unroll 8
      for (int q = 0; q < slide_tile; ++q) {
        if (q >= n) break;
        if (task.relu) sum[q] = sum[q] < T(0) ? vec{} : sum[q];
        store_given<T>(to + q * pixel, sum[q]);
      }
    }
  }
}

/// Whether all n_taps columns of a kernel are neighbours, met one step a result.
inline bool slides(const AcrossAxis& columns, int64_t n_taps) {
  constexpr int64_t least_results = 4;
  if (n_taps < 2 || columns.step != 1 || columns.target_step != 1 || columns.count < least_results)
    return false;
  const int64_t way = columns.offset[1] - columns.offset[0];
  bool all = way == 1 || way == -1;
  for (int64_t k = 1; k < n_taps; ++k)
    all = all && columns.offset[k] == columns.offset[0] + k * way;
  return all;
}

/// A row of results. Tiles of those whose taps all lie inside overlap rather than being cut.
template <class T, class Given>
void channels_row(const ChannelsTask<T, Given>& task, const AcrossPhase& phase,
                  const Inside& inside, int64_t d, int64_t r) {
  const int64_t all = inside.end - inside.begin;
  for (int64_t j = 0; j < inside.begin; ++j)
    channels_of_tile<T, Given, 1, true>(task, phase, d, r, j);
  for (int64_t j = inside.begin; j < inside.end;) {
    const int64_t left = inside.end - j;
    if (left > 4 && all >= 8) {
      j = left < 8 ? inside.end - 8 : j;
      channels_of_tile<T, Given, 8, false>(task, phase, d, r, j);
      j += 8;
    } else if (left > 1 && all >= 4) {
      j = left < 4 ? inside.end - 4 : j;
      channels_of_tile<T, Given, 4, false>(task, phase, d, r, j);
      j += 4;
    } else {
      channels_of_tile<T, Given, 1, false>(task, phase, d, r, j);
      ++j;
    }
  }
  for (int64_t j = inside.end; j < phase.axis[2].count; ++j)
    channels_of_tile<T, Given, 1, true>(task, phase, d, r, j);
}

template <class T, class Given>
void channels(const ChannelsTask<T, Given>& task, int64_t first, int64_t last) {
  for (int64_t i = 0; i < task.n_phases; ++i) {
    const AcrossPhase& phase = task.phases[i];
    const Inside inside(phase.axis[2], 0, phase.axis[2].n_taps);
    const int64_t end = last < phase.axis[1].count ? last : phase.axis[1].count;
    const int64_t n_taps = phase.axis[2].n_taps,
                  sliding = slides(phase.axis[2], n_taps) ? n_taps : 0;
    for (int64_t d = 0; d < phase.axis[0].count; ++d)
      for (int64_t r = first; r < end; ++r) {
        if (sliding == 3)
          slide<T, Given, 3>(task, phase, d, r);
        else if (sliding == 5)
          slide<T, Given, 5>(task, phase, d, r);
        else if (sliding == 7)
          slide<T, Given, 7>(task, phase, d, r);
        else
          channels_row(task, phase, inside, d, r);
      }
  }
}

/// Adds to the sums of n_taps columns of a kernel, `tap` of them and those after, what rows
/// [first, last) of grads and of the source give.
template <class T, class Given, int n_taps>
void channels_sums(const ChannelsTask<T, Given>& task, int64_t channel, int64_t a, int64_t b,
                   int64_t k, int64_t first, int64_t last, T* sums) {
  using vec = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  const AcrossPhase& phase = task.phases[0];
  const AcrossAxis &depths = phase.axis[0], &rows = phase.axis[1], &columns = phase.axis[2];
  const int64_t pixel = task.n_channels, step = columns.step * pixel;
  const int64_t* tap = phase.tap + (a * rows.n_taps + b) * columns.n_taps + k;
  const Inside inside(columns, k, n_taps);
  vec even[n_taps], odd[n_taps];
#pragma GCC unroll 8
  for (int t = 0; t < n_taps; ++t) {
    even[t] = load(sums + tap[t] * lanes);
    odd[t] = vec{};
  }
  const int64_t begin = rows.begin[b] > first ? rows.begin[b] : first,
                end = rows.end[b] < last ? rows.end[b] : last;
  for (int64_t d = depths.begin[a]; d < depths.end[a]; ++d)
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = (d * depths.step + depths.offset[a]) * task.source_size[1] +
                          r * rows.step + rows.offset[b];
      const Given* from = task.source + row * task.source_size[2] * pixel + channel;
      const Given* grad = task.target + (d * rows.count + r) * columns.count * pixel + channel;
      const Given* x[n_taps];
#pragma GCC unroll 8
      for (int t = 0; t < n_taps; ++t) x[t] = from + columns.offset[k + t] * pixel;
      auto at_edge = [&](int64_t j) {
        const vec g = load_given<T>(grad + j * pixel);
#pragma GCC unroll 8
        for (int t = 0; t < n_taps; ++t)
          if (j >= columns.begin[k + t] && j < columns.end[k + t])
            even[t] = multiply_add(g, load_given<T>(x[t] + j * step), even[t]);
      };
      for (int64_t j = 0; j < inside.begin; ++j) at_edge(j);
      int64_t j = inside.begin;
      for (; j + 2 <= inside.end; j += 2) {
        const vec g = load_given<T>(grad + j * pixel), next = load_given<T>(grad + (j + 1) * pixel);
#pragma GCC unroll 8
        for (int t = 0; t < n_taps; ++t) {
          even[t] = multiply_add(g, load_given<T>(x[t] + j * step), even[t]);
          odd[t] = multiply_add(next, load_given<T>(x[t] + (j + 1) * step), odd[t]);
        }
      }
      for (; j < columns.count; ++j) at_edge(j);
    }
#pragma GCC unroll 8
  for (int t = 0; t < n_taps; ++t) store(sums + tap[t] * lanes, even[t] + odd[t]);
}

template <class T, class Given>
void channels_outer(const ChannelsTask<T, Given>& task, int64_t first, int64_t last) {
  constexpr int lanes = Vec<T>::lanes;
  const int64_t n_blocks = (task.n_channels + lanes - 1) / lanes;
  const AcrossPhase& phase = task.phases[0];
  for (int64_t block = 0; block < n_blocks; ++block) {
    const int64_t channel = first_of_block(block, lanes, task.n_channels);
    T* sums = task.weights + block * task.n_weights * lanes;
    auto add = [&]<int n_taps>(int64_t a, int64_t b, int64_t k) {
      channels_sums<T, Given, n_taps>(task, channel, a, b, k, first, last, sums);
      return n_taps;
    };
    for (int64_t a = 0; a < phase.axis[0].n_taps; ++a)
      for (int64_t b = 0; b < phase.axis[1].n_taps; ++b)
        for (int64_t k = 0, n = phase.axis[2].n_taps; k < n;) {
          if (n - k >= 5)
            k += add.template operator()<5>(a, b, k);
          else if (n - k >= 3)
            k += add.template operator()<3>(a, b, k);
          else if (n - k == 2)
            k += add.template operator()<2>(a, b, k);
          else
            k += add.template operator()<1>(a, b, k);
        }
  }
}

// The loops of vision/resize_simd.h, after vector_body.h and the transpose of fft/simd_body.h in
// the same namespace. No include guard: each instruction set compiles its own copy.

/// Vectors of sums, and how elements get there and back.
template <class T>
struct Resized {
  using Sum = resize_sum_t<T>;
  using V = typename Vec<Sum>::type;
  static constexpr int lanes = Vec<Sum>::lanes;

  static inline __attribute__((always_inline)) V wide(const T* from) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      return load_bytes(from);
    } else {
      return load(from);
    }
  }
  static inline __attribute__((always_inline)) V start(int bits) {
    if constexpr (std::is_same_v<T, uint8_t>)
      return splat(bits ? Sum(1) << (bits - 1) : Sum(0));
    else
      return V{};
  }
  static inline __attribute__((always_inline)) V add(V sum, Sum weight, V value) {
    if constexpr (std::is_same_v<T, uint8_t>)
      return sum + splat(weight) * value;
    else
      return multiply_add(splat(weight), value, sum);
  }
  /// Sums of bytes as bytes, still in lanes of their own.
  static inline __attribute__((always_inline)) V finish(V sum, int bits) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      sum >>= bits;
      sum = sum < 0 ? V{} : sum;
      return sum > 255 ? splat(Sum(255)) : sum;
    } else {
      return sum;
    }
  }
  static inline __attribute__((always_inline)) void narrow(T* to, V value) {
    if constexpr (std::is_same_v<T, uint8_t>) {
      store_bytes(to, value);
    } else {
      store(to, value);
    }
  }
};

template <class T, int V>
inline __attribute__((always_inline)) void mix_vectors(int64_t count, const T* in, int64_t step,
                                                       const resize_sum_t<T>* weights, int bits,
                                                       T* out) {
  using R = Resized<T>;
  typename R::V sums[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) sums[v] = R::start(bits);
  for (int64_t k = 0; k < count; ++k)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sums[v] = R::add(sums[v], weights[k], R::wide(in + k * step + v * R::lanes));
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) R::narrow(out + v * R::lanes, R::finish(sums[v], bits));
}

template <class T>
void resize_mix_rows(int64_t count, const T* in, int64_t step, const resize_sum_t<T>* weights,
                     int bits, int64_t n, T* out) {
  constexpr int lanes = Resized<T>::lanes;
  int64_t j = 0;
  for (; j + 4 * lanes <= n; j += 4 * lanes)
    mix_vectors<T, 4>(count, in + j, step, weights, bits, out + j);
  for (; j + lanes <= n; j += lanes) mix_vectors<T, 1>(count, in + j, step, weights, bits, out + j);
  if (j == n) return;
  if (n >= lanes)  // once more, from the end
    return mix_vectors<T, 1>(count, in + n - lanes, step, weights, bits, out + n - lanes);
  // Fewer than a vector: a copy of its columns.
  using R = Resized<T>;
  T part[lanes] = {};
  typename R::V sum = R::start(bits);
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t l = 0; l < n; ++l) part[l] = in[k * step + l];
    sum = R::add(sum, weights[k], R::wide(part));
  }
  R::narrow(part, R::finish(sum, bits));
  for (int64_t l = 0; l < n; ++l) out[l] = part[l];
}

template <class T>
void resize_load_rows(int64_t n_rows, int64_t n, const T* in, int64_t row, resize_sum_t<T>* to) {
  using R = Resized<T>;
  using Sum = typename R::Sum;
  constexpr int lanes = R::lanes;
  auto some = [&](int64_t i) __attribute__((always_inline)) {
    typename R::V v[lanes];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) v[l] = l < n_rows ? R::wide(in + l * row + i) : typename R::V{};
    transpose<Sum>(v);
#pragma GCC unroll 16
    for (int l = 0; l < lanes; ++l) store(to + (i + l) * lanes, v[l]);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) some(i);
  if (i < n && n >= lanes) return some(n - lanes);  // once more, from the end
  for (; i < n; ++i)
    for (int l = 0; l < lanes; ++l)
      to[i * lanes + l] = l < n_rows ? static_cast<Sum>(in[l * row + i]) : Sum(0);
}

template <class T>
void resize_mix_columns(int64_t n_rows, int64_t n, const resize_sum_t<T>* from,
                        const int64_t* begin, const int64_t* first, const resize_sum_t<T>* weights,
                        int bits, T* out, int64_t row) {
  using R = Resized<T>;
  using V = typename R::V;
  constexpr int lanes = R::lanes;
  auto sum_of = [&](int64_t i) __attribute__((always_inline)) {
    const resize_sum_t<T>* w = weights + first[i];
    const resize_sum_t<T>* at = from + begin[i] * lanes;
    const int64_t count = first[i + 1] - first[i];
    V sum = R::start(bits);
    for (int64_t k = 0; k < count; ++k) sum = R::add(sum, w[k], load(at + k * lanes));
    return R::finish(sum, bits);
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V v[lanes];
    for (int l = 0; l < lanes; ++l) v[l] = sum_of(i + l);
    transpose<typename R::Sum>(v);
    if (n_rows == lanes) {
#pragma GCC unroll 16
      for (int l = 0; l < lanes; ++l) R::narrow(out + l * row + i, v[l]);
    } else {
      for (int l = 0; l < n_rows; ++l) R::narrow(out + l * row + i, v[l]);
    }
  }
  for (; i < n; ++i) {
    const V sum = sum_of(i);
    for (int64_t l = 0; l < n_rows; ++l) out[l * row + i] = static_cast<T>(sum[l]);
  }
}

template <class T>
void resize_store_rows(int64_t n_rows, int64_t n, const T* from, T* out, int64_t row) {
  if constexpr (!std::is_same_v<T, uint8_t>) {
    constexpr int lanes = Vec<T>::lanes;
    auto some = [&](int64_t i) __attribute__((always_inline)) {
      typename Vec<T>::type v[lanes];
#pragma GCC unroll 16
      for (int l = 0; l < lanes; ++l) v[l] = load(from + (i + l) * lanes);
      transpose<T>(v);
#pragma GCC unroll 16
      for (int l = 0; l < lanes; ++l)
        if (l < n_rows) store(out + l * row + i, v[l]);
    };
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) some(i);
    if (i < n && n >= lanes) return some(n - lanes);
    for (; i < n; ++i)
      for (int64_t l = 0; l < n_rows; ++l) out[l * row + i] = from[i * lanes + l];
  }
}

/// `vectors` vectors of a pixel: the sum over its window.
template <int vectors, class T>
inline __attribute__((always_inline)) void mix_place(int64_t count, const T* at, int64_t channels,
                                                     const T* weights, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  typename Vec<T>::type sums[vectors] = {};
  for (int64_t k = 0; k < count; ++k)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      sums[v] = multiply_add(splat(weights[k]), load(at + k * channels + v * lanes), sums[v]);
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) store(out + v * lanes, sums[v]);
}

template <class T>
void resize_mix_places(int64_t n, int64_t channels, const T* in, const int64_t* begin,
                       const int64_t* first, const resize_sum_t<T>* weights, T* out) {
  if constexpr (!std::is_same_v<T, uint8_t>) {
    constexpr int lanes = Vec<T>::lanes;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t count = first[i + 1] - first[i];
      const T *at = in + begin[i] * channels, *w = weights + first[i];
      T* to = out + i * channels;
      if (channels < lanes && (n - i) * channels < lanes) {  // what follows is not the row's
        T last[lanes];
        mix_place<1>(count, at, channels, w, last);
        for (int64_t c = 0; c < channels; ++c) to[c] = last[c];
        continue;
      }
      int64_t c = 0;
      for (; c + 4 * lanes <= channels; c += 4 * lanes)
        mix_place<4>(count, at + c, channels, w, to + c);
      for (; c + lanes <= channels; c += lanes) mix_place<1>(count, at + c, channels, w, to + c);
      if (c == channels) continue;
      c = channels < lanes ? 0 : channels - lanes;  // once more, from the end
      mix_place<1>(count, at + c, channels, w, to + c);
    }
  }
}

template <class T>
void resize_mix_areas(int64_t n, int64_t channels, int64_t rows, const T* in, int64_t row,
                      const resize_sum_t<T>* row_weights, const int64_t* begin,
                      const int64_t* first, const resize_sum_t<T>* weights, T* out) {
  if constexpr (!std::is_same_v<T, uint8_t>) {
    constexpr int lanes = Vec<T>::lanes;
    auto some = [&]<int vectors>(int64_t i, int64_t c) __attribute__((always_inline)) {
      const T* w = weights + first[i];
      const int64_t count = first[i + 1] - first[i];
      typename Vec<T>::type sums[vectors] = {};
      for (int64_t r = 0; r < rows; ++r) {
        const T* at = in + r * row + begin[i] * channels + c;
        for (int64_t k = 0; k < count; ++k, at += channels) {
          const auto weight = splat(row_weights[r] * w[k]);
#pragma GCC unroll 4
          for (int v = 0; v < vectors; ++v)
            sums[v] = multiply_add(weight, load(at + v * lanes), sums[v]);
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) store(out + i * channels + c + v * lanes, sums[v]);
    };
    for (int64_t i = 0; i < n; ++i) {
      int64_t c = 0;
      for (; c + 4 * lanes <= channels; c += 4 * lanes) some.template operator()<4>(i, c);
      for (; c + lanes <= channels; c += lanes) some.template operator()<1>(i, c);
      if (c < channels) some.template operator()<1>(i, channels - lanes);
    }
  }
}

template <int rows, class T>
inline __attribute__((always_inline)) void pair_rows(int64_t begin, int64_t end, const T* in,
                                                     int64_t in_row, const int64_t* places,
                                                     const T* weights, T* __restrict out,
                                                     int64_t out_row) {
  for (int64_t i = begin; i < end; ++i) {
    const T near = weights[2 * i], far = weights[2 * i + 1];
    const T* at = in + places[i];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r)  // rounded as in mix_columns
      out[r * out_row + i] = multiply_add(far, at[r * in_row + 1], near * at[r * in_row]);
  }
}

template <class T>
void resize_mix_pairs(int64_t n_rows, int64_t begin, int64_t end, const T* in, int64_t in_row,
                      const int64_t* places, const resize_sum_t<T>* weights, T* out,
                      int64_t out_row) {
  if constexpr (!std::is_same_v<T, uint8_t>) {
    if (n_rows == 4) return pair_rows<4>(begin, end, in, in_row, places, weights, out, out_row);
    for (int64_t r = 0; r < n_rows; ++r)
      pair_rows<1>(begin, end, in + r * in_row, in_row, places, weights, out + r * out_row,
                   out_row);
  }
}

/// Every second pixel (four lanes) of two vectors, from the first or the second on.
template <int first, class V, int... I>
inline __attribute__((always_inline)) V second_pixels(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, ((2 * (I / 4) + first) * 4 + I % 4)...);
}

/// Sums of neighbouring pixels of two vectors. In registers: four stores that one load reads
/// together would wait for each other.
template <class V>
inline __attribute__((always_inline)) V paired_pixels(V a, V b) {
  constexpr auto order = std::make_integer_sequence<int, Resized<uint8_t>::lanes>{};
  return second_pixels<0>(a, b, order) + second_pixels<1>(a, b, order);
}

inline void resize_mix_pixels(int64_t n, const uint8_t* in, const int64_t* begin, int64_t groups,
                              const int32_t* weights, int bits, uint8_t* out) {
  using R = Resized<uint8_t>;
  constexpr int lanes = R::lanes, group = lanes / 4;
  auto mixed = [&](int64_t i) __attribute__((always_inline)) {
    const uint8_t* from = in + 4 * begin[i];
    R::V sum{};
    for (int64_t k = 0; k < groups; ++k, weights += lanes)
      sum += load(weights) * R::wide(from + k * lanes);
    return sum;
  };
  auto write = [&](const R::V(&sums)[group], uint8_t* to) __attribute__((always_inline)) {
    R::V whole = sums[0];
    if constexpr (group == 2) whole = paired_pixels(sums[0], sums[1]);
    if constexpr (group == 4)
      whole = paired_pixels(paired_pixels(sums[0], sums[1]), paired_pixels(sums[2], sums[3]));
    R::narrow(to, R::finish(whole + R::start(bits), bits));
  };
  int64_t i = 0;
  for (; i + group <= n; i += group) {
    R::V sums[group];
#pragma GCC unroll 4
    for (int g = 0; g < group; ++g) sums[g] = mixed(i + g);
    write(sums, out + 4 * i);
  }
  const int left = static_cast<int>(n - i);
  if (!left) return;
  R::V sums[group] = {};
  for (int g = 0; g < left; ++g) sums[g] = mixed(i + g);
  uint8_t last[lanes];
  write(sums, last);
  for (int b = 0; b < 4 * left; ++b) out[4 * i + b] = last[b];
}

template <class T>
constexpr ResizeKernels<T> resize_table() {
  return {Resized<T>::lanes,   resize_mix_rows<T>,   resize_load_rows<T>,  resize_mix_columns<T>,
          resize_mix_pairs<T>, resize_store_rows<T>, resize_mix_places<T>, resize_mix_areas<T>};
}
extern const ResizeTable resize = {resize_table<float>(),
                                   resize_table<double>(),
                                   resize_table<uint8_t>(),
                                   {Resized<uint8_t>::lanes / 4, resize_mix_pixels}};

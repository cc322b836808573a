// The loops of norm/simd.h, after vector_body.h in the same namespace. No include guard: each
// instruction set compiles its own copy.

/// by_vectors, with masked loads and stores at the end where there are some.
template <class T, class Body>
inline __attribute__((always_inline)) void by_spans(int64_t n, Body&& body) {
  using V = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  if constexpr (has_spans) {
    const int64_t whole = n - n % lanes;
    by_vectors<T>(whole, body);
    if (whole == n) return;
    const Span<T> span = span_of<T>(0, static_cast<int>(n - whole));
    body([&](const T* from)
             __attribute__((always_inline)) { return load_some(from + whole, span); },
         [&](T* to, V value)
             __attribute__((always_inline)) { store_some(to + whole, value, span); });
  } else {
    by_vectors<T>(n, body);
  }
}

template <class T>
struct Ones {
  T of[Vec<T>::lanes] = {};
  constexpr Ones() {
    for (T& one : of) one = 1;
  }
};
template <class T>
constexpr Ones<T> ones{};

/// The sums of `n_sums` terms: add(sums, get) adds those of one vector, with get(from) its
/// elements, or `filler` in lanes beyond the end. Four sets of sums take turns, and every 4,096
/// elements their total goes to float64.
template <class T, int n_sums, class Add>
inline __attribute__((always_inline)) void sums_of(int64_t n, double* totals, Add&& add) {
  using V = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  constexpr int64_t block = 4096;
  for (int s = 0; s < n_sums; ++s) totals[s] = 0;
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t end = n - begin < block ? n : begin + block;
    V sums[4][n_sums] = {};
    int64_t j = begin;
    for (; j + 4 * lanes <= end; j += 4 * lanes)
#pragma GCC unroll 4
      for (int u = 0; u < 4; ++u)
        add(sums[u], [&](const T* from, T)
                         __attribute__((always_inline)) { return load(from + j + u * lanes); });
    for (; j < end; j += lanes) {
      const int64_t rest = end - j;
      if (rest >= lanes) {
        add(sums[0],
            [&](const T* from, T) __attribute__((always_inline)) { return load(from + j); });
      } else if constexpr (has_spans) {
        const Span<T> span = span_of<T>(0, static_cast<int>(rest));
        const V beyond = splat(T(1)) - load_some(ones<T>.of, span);
        add(sums[0], [&](const T* from, T filler) __attribute__((always_inline)) {
          return load_some(from + j, span) + beyond * filler;
        });
      } else {
        add(sums[0], [&](const T* from, T filler) {
          T part[lanes];
          for (int64_t l = 0; l < lanes; ++l) part[l] = l < rest ? from[j + l] : filler;
          return load(part);
        });
      }
    }
    for (int s = 0; s < n_sums; ++s) {
      const V sum = (sums[0][s] + sums[1][s]) + (sums[2][s] + sums[3][s]);
      double part[lanes];
      for (int l = 0; l < lanes; ++l) part[l] = static_cast<double>(sum[l]);
      for (int half = lanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) part[l] += part[l + half];
      totals[s] += part[0];
    }
  }
}

template <class T>
double norm_sum(int64_t n, const T* x) {
  double total;
  sums_of<T, 1>(n, &total, [&](auto* sums, auto get) __attribute__((always_inline)) {
    sums[0] += get(x, T(0));
  });
  return total;
}

template <class T>
double norm_squares(int64_t n, const T* x, T mean) {
  double total;
  sums_of<T, 1>(n, &total, [&](auto* sums, auto get) __attribute__((always_inline)) {
    const auto centred = get(x, mean) - mean;
    sums[0] = multiply_add(centred, centred, sums[0]);
  });
  return total;
}

template <class T>
void norm_scale(int64_t n, const T* x, T mean, T factor, T shift, T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    put(out, multiply_add(get(x) - mean, splat(factor), splat(shift)));
  });
}

template <class T>
void norm_scale_each(int64_t n, const T* x, T mean, T rstd, const T* weight, const T* bias,
                     T* out) {
  using V = typename Vec<T>::type;
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const V factor = weight ? get(weight) * rstd : splat(rstd), shift = bias ? get(bias) : V{};
    put(out, multiply_add(get(x) - mean, factor, shift));
  });
}

template <class T>
void norm_products(int64_t n, const T* g, const T* x, T mean, T rstd, double* totals) {
  sums_of<T, 2>(n, totals, [&](auto* sums, auto get) __attribute__((always_inline)) {
    const auto grad = get(g, T(0));
    sums[0] += grad;
    sums[1] = multiply_add(grad, (get(x, mean) - mean) * rstd, sums[1]);
  });
}

template <class T>
void norm_combine(int64_t n, const T* g, const T* x, T mean, T factor, T slope, T shift, T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto part = multiply_add(get(x) - mean, splat(slope), splat(shift));
    put(out, multiply_add(get(g), splat(factor), part));
  });
}

template <class T>
void norm_combine_each(int64_t n, const T* g, const T* x, T mean, T rstd, const T* weight, T slope,
                       T shift, T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto part = multiply_add(get(x) - mean, splat(slope), splat(shift));
    put(out, multiply_add(get(g), weight ? get(weight) * rstd : splat(rstd), part));
  });
}

template <class T>
void norm_weighted_products(int64_t n, const T* g, const T* x, const T* weight, T mean, T rstd,
                            double* totals) {
  if (!weight) return norm_products(n, g, x, mean, rstd, totals);
  sums_of<T, 2>(n, totals, [&](auto* sums, auto get) __attribute__((always_inline)) {
    const auto grad = get(g, T(0)) * get(weight, T(0));
    sums[0] += grad;
    sums[1] = multiply_add(grad, (get(x, mean) - mean) * rstd, sums[1]);
  });
}

template <class T, int rows>
void norm_finish_rows(int64_t n, const T* g, const T* x, const T* weight, const T* mean,
                      const T* rstd, const T (*sums)[2], T* out, T* to_weight, T* to_bias) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    using V = typename Vec<T>::type;
    V weights = weight ? get(weight) : splat(T(1)), for_weight = {}, for_bias = {};
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const V grad = get(g + r * n), normal = (get(x + r * n) - mean[r]) * rstd[r];
      if (out) put(out + r * n, (grad * weights - sums[r][0] - normal * sums[r][1]) * rstd[r]);
      for_weight = multiply_add(grad, normal, for_weight);
      for_bias += grad;
    }
    if (to_weight) put(to_weight, get(to_weight) + for_weight);
    if (to_bias) put(to_bias, get(to_bias) + for_bias);
  });
}

template <class T>
void norm_finish_some_rows(int rows, int64_t n, const T* g, const T* x, const T* weight,
                           const T* mean, const T* rstd, const T (*sums)[2], T* out, T* to_weight,
                           T* to_bias) {
  switch (rows) {
    case 1:
      return norm_finish_rows<T, 1>(n, g, x, weight, mean, rstd, sums, out, to_weight, to_bias);
    case 2:
      return norm_finish_rows<T, 2>(n, g, x, weight, mean, rstd, sums, out, to_weight, to_bias);
    case 3:
      return norm_finish_rows<T, 3>(n, g, x, weight, mean, rstd, sums, out, to_weight, to_bias);
    default: norm_finish_rows<T, 4>(n, g, x, weight, mean, rstd, sums, out, to_weight, to_bias);
  }
}

template <class T>
constexpr NormKernels<T> norm_table() {
  return {norm_sum<T>,          norm_squares<T>,           norm_scale<T>,
          norm_scale_each<T>,   norm_products<T>,          norm_combine<T>,
          norm_combine_each<T>, norm_weighted_products<T>, norm_finish_some_rows<T>};
}
extern const NormKernels<float> float_norm = norm_table<float>();
extern const NormKernels<double> double_norm = norm_table<double>();

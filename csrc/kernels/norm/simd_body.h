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

template <int n>
struct Doubles {
  typedef double type __attribute__((vector_size(n * sizeof(double))));
};

/// The sum of the lanes, added in pairs.
template <int n, size_t... I>
inline __attribute__((always_inline)) double total_of(const typename Doubles<n>::type& v,
                                                      std::index_sequence<I...> half) {
  if constexpr (n == 2) {
    return v[0] + v[1];
  } else {
    return total_of<n / 2>(
        __builtin_shufflevector(v, v, I...) + __builtin_shufflevector(v, v, (n / 2 + I)...),
        std::make_index_sequence<half.size() / 2>());
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
  auto total = [](const V& sum) __attribute__((always_inline)) {
    return total_of<lanes>(__builtin_convertvector(sum, typename Doubles<lanes>::type),
                           std::make_index_sequence<lanes / 2>());
  };
  auto add_vector = [&](V* sums, int64_t j, int64_t rest) __attribute__((always_inline)) {
    if (rest >= lanes) {
      add(sums, [&](const T* from, T) __attribute__((always_inline)) { return load(from + j); });
    } else if constexpr (has_spans) {
      const Span<T> span = span_of<T>(0, static_cast<int>(rest));
      const V beyond = splat(T(1)) - load_some(ones<T>.of, span);
      add(sums, [&](const T* from, T filler) __attribute__((always_inline)) {
        return load_some(from + j, span) + beyond * filler;
      });
    } else {
      add(sums, [&](const T* from, T filler) {
        T part[lanes];
        for (int64_t l = 0; l < lanes; ++l) part[l] = l < rest ? from[j + l] : filler;
        return load(part);
      });
    }
  };
  if (n <= lanes) {
    V sums[n_sums] = {};
    add_vector(sums, 0, n);
    for (int s = 0; s < n_sums; ++s) totals[s] = total(sums[s]);
    return;
  }
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
    for (; j < end; j += lanes) add_vector(sums[0], j, end - j);
    for (int s = 0; s < n_sums; ++s)
      totals[s] += total((sums[0][s] + sums[1][s]) + (sums[2][s] + sums[3][s]));
  }
}

template <class T>
inline double norm_sum(int64_t n, const T* x) {
  double total;
  sums_of<T, 1>(n, &total, [&](auto* sums, auto get) __attribute__((always_inline)) {
    sums[0] += get(x, T(0));
  });
  return total;
}

template <class T>
inline double norm_squares(int64_t n, const T* x, T mean) {
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
void norm_rows(int64_t rows, int64_t length, const T* x, T eps, const T* weight, const T* bias,
               int64_t group, int64_t groups, T* out, T* mean, T* rstd) {
  using V = typename Vec<T>::type;
  const auto count = static_cast<double>(length);
  for (int64_t row = 0; row < rows; ++row, x += length, out += length) {
    T m = static_cast<T>(norm_sum(length, x) / count);
    m += m - m;  // an infinity among others leaves no mean: NaN
    const double var = norm_squares(length, x, m) / count;
    const T r = static_cast<T>(1 / __builtin_sqrt(var + static_cast<double>(eps)));
    mean[row] = m;
    rstd[row] = r;
    const T *weights = weight ? weight + group * length : nullptr,
            *biases = bias ? bias + group * length : nullptr;
    by_spans<T>(length, [&](auto get, auto put) __attribute__((always_inline)) {
      const V factor = weights ? get(weights) * r : splat(r), shift = biases ? get(biases) : V{};
      put(out, multiply_add(get(x) - m, factor, shift));
    });
    if (++group == groups) group = 0;
  }
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
                       T shift, T* out, T* to_weight) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto centred = get(x) - mean, grad = get(g);
    const auto part = multiply_add(centred, splat(slope), splat(shift));
    if (out) put(out, multiply_add(grad, weight ? get(weight) * rstd : splat(rstd), part));
    if (to_weight) put(to_weight, grad * (centred * rstd));
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

template <class T>
void norm_scale_each(int64_t n, const T* x, const T* mean, const T* factor, const T* shift,
                     T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    put(out, multiply_add(get(x) - get(mean), get(factor), get(shift)));
  });
}

template <class T>
void norm_centre(int64_t n, const T* g, const T* x, T mean, T factor, T slope, T shift, T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto part = multiply_add(get(x) - mean, splat(slope), splat(shift));
    put(out, (get(g) - part) * factor);
  });
}

template <class T>
void norm_centre_each(int64_t n, const T* g, const T* x, const T* mean, const T* factor,
                      const T* slope, const T* shift, T* out) {
  by_spans<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto part = multiply_add(get(x) - get(mean), get(slope), get(shift));
    put(out, (get(g) - part) * get(factor));
  });
}

template <class T>
void norm_add_columns(int64_t n, const T* x, double* sums) {
  for (int64_t j = 0; j < n; ++j) sums[j] += x[j];
}

template <class T>
void norm_add_squares(int64_t n, const T* x, const T* mean, double* sums) {
  for (int64_t j = 0; j < n; ++j) {
    const T centred = x[j] - mean[j];
    sums[j] += centred * centred;
  }
}

template <class T>
void norm_add_products(int64_t n, const T* g, const T* x, const T* mean, double* sums,
                       double* along) {
  for (int64_t j = 0; j < n; ++j) {
    sums[j] += g[j];
    along[j] += g[j] * (x[j] - mean[j]);
  }
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
          norm_rows<T>,         norm_products<T>,          norm_combine<T>,
          norm_combine_each<T>, norm_weighted_products<T>, norm_scale_each<T>,
          norm_centre<T>,       norm_centre_each<T>,       norm_add_columns<T>,
          norm_add_squares<T>,  norm_add_products<T>,      norm_finish_some_rows<T>};
}
extern const NormKernels<float> float_norm = norm_table<float>();
extern const NormKernels<double> double_norm = norm_table<double>();

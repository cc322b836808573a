// The loops of norm/columns_simd.h, after vector_body.h and maths_body.h in the same namespace. No
// include guard: each instruction set compiles its own copy.

/// Calls body(j, v), v an integral constant, for columns [j, j + v * lanes) that cover [0, n). The
/// last may overlap those before: a column's results do not depend on its neighbours.
template <class T, class Body>
inline __attribute__((always_inline)) void by_columns(int64_t n, Body&& body) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t j = 0;
  for (; j + 4 * lanes <= n; j += 4 * lanes) body(j, std::integral_constant<int, 4>{});
  for (; j + lanes <= n; j += lanes) body(j, std::integral_constant<int, 1>{});
  if (j < n) body(n - lanes, std::integral_constant<int, 1>{});
}

template <class T>
void columns_softmax(int64_t length, int64_t n, int64_t step, bool log, const T* x, T* out) {
  using V = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  by_columns<T>(n, [&](int64_t j, auto width) __attribute__((always_inline)) {
    constexpr int v = width;
    const T* from = x + j;
    T* to = out + j;
    V largest[v], sum[v] = {};
#pragma GCC unroll 4
    for (int u = 0; u < v; ++u) largest[u] = splat(-std::numeric_limits<T>::infinity());
    for (int64_t i = 0; i < length; ++i)
#pragma GCC unroll 4
      for (int u = 0; u < v; ++u) {
        const V value = load(from + i * step + u * lanes);
        largest[u] = value > largest[u] ? value : largest[u];
      }
    for (int64_t i = 0; i < length; ++i)
#pragma GCC unroll 4
      for (int u = 0; u < v; ++u) {
        const V value = exponential<T>(load(from + i * step + u * lanes) - largest[u]);
        if (!log) store(to + i * step + u * lanes, value);
        sum[u] += value;
      }
#pragma GCC unroll 4
    for (int u = 0; u < v; ++u) sum[u] = log ? logarithm<T>(sum[u]) : 1 / sum[u];
    for (int64_t i = 0; i < length; ++i)
#pragma GCC unroll 4
      for (int u = 0; u < v; ++u) {
        const int64_t at = i * step + u * lanes;
        store(to + at, log ? (load(from + at) - largest[u]) - sum[u] : load(to + at) * sum[u]);
      }
  });
}

template <class T>
void columns_softmax_backward(int64_t length, int64_t n, int64_t step, bool log, const T* grad,
                              const T* result, T* out) {
  using V = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  by_columns<T>(n, [&](int64_t j, auto width) __attribute__((always_inline)) {
    constexpr int v = width;
    V sum[v] = {};
    for (int64_t i = 0; i < length; ++i)
#pragma GCC unroll 4
      for (int u = 0; u < v; ++u) {
        const int64_t at = j + i * step + u * lanes;
        const V g = load(grad + at);
        sum[u] = log ? sum[u] + g : multiply_add(g, load(result + at), sum[u]);
      }
    for (int64_t i = 0; i < length; ++i)
#pragma GCC unroll 4
      for (int u = 0; u < v; ++u) {
        const int64_t at = j + i * step + u * lanes;
        const V g = load(grad + at), r = load(result + at);
        store(out + at, log ? g - exponential<T>(r) * sum[u] : r * (g - sum[u]));
      }
  });
}

extern const ColumnKernels<float> float_columns = {Vec<float>::lanes, columns_softmax<float>,
                                                   columns_softmax_backward<float>};
extern const ColumnKernels<double> double_columns = {Vec<double>::lanes, columns_softmax<double>,
                                                     columns_softmax_backward<double>};

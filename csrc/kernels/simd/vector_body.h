// Vectors of vector_bytes, which the including file sets inside its own namespace. No include
// guard: each instruction set compiles its own copy.

template <class T>
struct Vec {
  static constexpr int lanes = vector_bytes / sizeof(T);
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type load(const T* from) {
  return *reinterpret_cast<const typename Vec<T>::unaligned*>(from);
}

template <class T>
inline __attribute__((always_inline)) void store(T* to, typename Vec<T>::type value) {
  *reinterpret_cast<typename Vec<T>::unaligned*>(to) = value;
}

/// The same value in every lane; value - 0 is value itself, -0 and NaN too, and costs nothing.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type splat(T value) {
  return value - typename Vec<T>::type{};
}

template <class V, int... I>
inline __attribute__((always_inline)) V low_interleaved(V a, V b,
                                                        std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I / 2 + I % 2 * n)...);
}
template <class V, int... I>
inline __attribute__((always_inline)) V high_interleaved(V a, V b,
                                                         std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...);
}

/// n vectors of n lanes, transposed: each of the log2(n) shuffles moves the highest bit of the
/// row's number to the lowest of the column's, and the column's highest to the row's lowest.
template <int n, class V>
inline __attribute__((always_inline)) void transpose_square(V* v) {
  constexpr auto order = std::make_integer_sequence<int, n>{};
#pragma GCC unroll 8
  for (int width = 1; width < n; width *= 2) {
    V next[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = low_interleaved(v[i], v[i + n / 2], order);
      next[2 * i + 1] = high_interleaved(v[i], v[i + n / 2], order);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) v[i] = next[i];
  }
}
template <class T>
inline __attribute__((always_inline)) void transpose(typename Vec<T>::type* v) {
  transpose_square<Vec<T>::lanes>(v);
}

/// All lanes by an operation of two vectors or numbers, one half of them with the other at a time.
template <class V, class Both, int... I>
inline __attribute__((always_inline)) auto across_halves(V value, Both both,
                                                         std::integer_sequence<int, I...>) {
  constexpr int half = sizeof...(I);
  if constexpr (half == 1)
    return both(value[0], value[1]);
  else
    return across_halves(both(__builtin_shufflevector(value, value, I...),
                              __builtin_shufflevector(value, value, (I + half)...)),
                         both, std::make_integer_sequence<int, half / 2>{});
}
template <class T, class Both>
inline __attribute__((always_inline)) T across(typename Vec<T>::type value, Both both) {
  return across_halves(value, both, std::make_integer_sequence<int, Vec<T>::lanes / 2>{});
}
template <class T>
inline __attribute__((always_inline)) T sum_of_lanes(typename Vec<T>::type value) {
  return across<T>(value, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

/// The sum of all lanes of each of as many vectors as there are lanes, in their order. What v holds
/// is lost.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type sums_of_vectors(
    typename Vec<T>::type* v) {
  constexpr int lanes = Vec<T>::lanes;
  constexpr auto order = std::make_integer_sequence<int, lanes>{};
#pragma GCC unroll 4
  for (int n = lanes / 2; n > 0; n /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i)
      v[i] = low_interleaved(v[i], v[i + n], order) + high_interleaved(v[i], v[i + n], order);
  return v[0];
}

/// Calls body(get, put) for n elements vector by vector: get(from) and put(to, value) are those of
/// one vector; the last may have fewer lanes, of which the others are 0.
template <class T, class Body>
inline __attribute__((always_inline)) void by_vectors(int64_t n, Body&& body) {
  using V = typename Vec<T>::type;
  constexpr int lanes = Vec<T>::lanes;
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes)
    body([&](const T* from) __attribute__((always_inline)) { return load(from + j); },
         [&](T* to, V value) __attribute__((always_inline)) { store(to + j, value); });
  if (j == n) return;
  const int64_t rest = n - j;
  body(
      [&](const T* from) {
        T part[lanes] = {};
        for (int64_t l = 0; l < rest; ++l) part[l] = from[j + l];
        return load(part);
      },
      [&](T* to, V value) {
        T part[lanes];
        store(part, value);
        for (int64_t l = 0; l < rest; ++l) to[j + l] = part[l];
      });
}

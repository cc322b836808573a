// The loops of recurrent/simd.h, after vector_body.h and maths_body.h in the same namespace. No
// include guard: each instruction set compiles its own copy.

/// tanh(x) = x + x**3 P(x**2) below 0.6, as in flambeau/kernels/maths/exp.py.
template <class T>
struct HyperbolicTangent;
template <>
struct HyperbolicTangent<float> {
  // Moshier, Cephes Mathematical Library (tanhf), 1992: up to 0.625.
  static constexpr int terms = 5;
  static constexpr float polynomial[terms] = {-3.33332819422e-1f, 1.33314422036e-1f,
                                              -5.37397155531e-2f, 2.06390887954e-2f,
                                              -5.70498872745e-3f};
};
template <>
struct HyperbolicTangent<double> {
  static constexpr int terms = 11;
  static constexpr double polynomial[terms] = {
      -0.33333333333333126,   0.13333333333299766,   -0.05396825394933377,   0.02186948800329902,
      -0.008863226785906298,  0.0035920374406674463, -0.0014552156523939444, 0.0005871892894444949,
      -0.0002303984981709349, 7.931578055479533e-05, -1.7179586325072803e-05};
};

/// 1 / (1 + exp(-x))
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type sigmoid(typename Vec<T>::type x) {
  if constexpr (has_powers<T>) {  // infinite ones too
    return 1 / (1 + power_of_two(x * splat(-1.4426950408889634f)));
  } else {
    const typename Vec<T>::type e = exponential<T>(x < 0 ? x : -x);  // NaN stays
    return (x < 0 ? e : splat(T(1))) / (1 + e);
  }
}

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type tangent(typename Vec<T>::type x) {
  using H = HyperbolicTangent<T>;
  using V = typename Vec<T>::type;
  const V size = x < 0 ? -x : x, square = x * x;
  V near = splat(H::polynomial[H::terms - 1]);
#pragma GCC unroll 16
  for (int i = H::terms - 2; i >= 0; --i)
    near = multiply_add(near, square, splat(H::polynomial[i]));
  near = multiply_add(x * square, near, x);
  const V e = exponential_beside_1<T>(-2 * size);
  const V far = (1 - e) / (1 + e);
  return size < T(0.6) ? near : x < 0 ? -far : far;  // NaN stays
}

template <class T>
void lstm_step(int64_t n, const T* x, T* gates, T* c, T* h) {
  by_vectors<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    auto sum = [&](int64_t gate) __attribute__((always_inline)) {
      return get(gates + gate * n) + get(x + gate * n);
    };
    const auto i = sigmoid<T>(sum(0)), f = sigmoid<T>(sum(1));
    const auto g = tangent<T>(sum(2)), o = sigmoid<T>(sum(3));
    const auto cell = f * get(c) + i * g;
    put(gates, i);
    put(gates + n, f);
    put(gates + 2 * n, g);
    put(gates + 3 * n, o);
    put(c, cell);
    put(h, o * tangent<T>(cell));
  });
}

template <class T>
void lstm_backward(int64_t n, const T* gates, const T* c, const T* grad_h, T* grad_c,
                   T* grad_sums) {
  by_vectors<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto i = get(gates), f = get(gates + n), g = get(gates + 2 * n), o = get(gates + 3 * n);
    const auto before = get(c), dh = get(grad_h);
    const auto t = tangent<T>(f * before + i * g);
    const auto dc = get(grad_c) + dh * o * (1 - t * t);
    put(grad_sums, dc * g * i * (1 - i));
    put(grad_sums + n, dc * before * f * (1 - f));
    put(grad_sums + 2 * n, dc * i * (1 - g * g));
    put(grad_sums + 3 * n, dh * t * o * (1 - o));
    put(grad_c, dc * f);
  });
}

template <class T>
void gru_step(int64_t n, const T* x, const T* sums, T* h, T* gates) {
  by_vectors<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto r = sigmoid<T>(get(x) + get(sums)), z = sigmoid<T>(get(x + n) + get(sums + n));
    const auto last = get(sums + 2 * n);
    const auto next = tangent<T>(get(x + 2 * n) + r * last);
    put(h, next + z * (get(h) - next));
    if (!gates) return;
    put(gates, r);
    put(gates + n, z);
    put(gates + 2 * n, next);
    put(gates + 3 * n, last);
  });
}

template <class T>
void gru_backward(int64_t n, const T* gates, const T* h, T* grad_h, T* grad_x, T* grad_sums) {
  by_vectors<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const auto r = get(gates), z = get(gates + n), next = get(gates + 2 * n);
    const auto dh = get(grad_h), dn = dh * (1 - z) * (1 - next * next);
    const auto dz = dh * (get(h) - next) * z * (1 - z);
    const auto dr = dn * get(gates + 3 * n) * r * (1 - r);
    put(grad_x, dr);
    put(grad_x + n, dz);
    put(grad_x + 2 * n, dn);
    put(grad_sums, dr);
    put(grad_sums + n, dz);
    put(grad_sums + 2 * n, dn * r);
    put(grad_h, dh * z);
  });
}

extern const LstmKernels<float> float_lstm = {Vec<float>::lanes, lstm_step<float>,
                                              lstm_backward<float>};
extern const LstmKernels<double> double_lstm = {Vec<double>::lanes, lstm_step<double>,
                                                lstm_backward<double>};
extern const GruKernels<float> float_gru = {gru_step<float>, gru_backward<float>};
extern const GruKernels<double> double_gru = {gru_step<double>, gru_backward<double>};

// exp and log of vectors, after vector_body.h in the same namespace. No include guard: each
// instruction set compiles its own copy.

/// exp(x) for x <= 0 as in flambeau/kernels/maths/exp.py: 2^n exp(r) with n = round(x / ln 2). What
/// is below the normal numbers is 0. NaN stays NaN.
template <class T>
struct Exponential;

template <>
struct Exponential<float> {
  typedef int32_t Bits __attribute__((vector_size(vector_bytes)));
  static constexpr float round = 12582912.0f, lowest = -87.33f;
  static constexpr float ln2_high = 0.6931471824645996f, ln2_low = -1.904654323148236e-09f;
  static constexpr int mantissa = 23, bias = 127, terms = 7;
  static constexpr float polynomial[terms] = {
      1.0f, 1.0f, 0.49999994f, 0.166665196f, 0.0416682921f, 0.0083688926f, 0.00138190773f};
};

template <>
struct Exponential<double> {
  typedef int64_t Bits __attribute__((vector_size(vector_bytes)));
  static constexpr double round = 6755399441055744.0, lowest = -708.3;
  static constexpr double ln2_high = 0.6931471805599453, ln2_low = 2.3190468138462996e-17;
  static constexpr int mantissa = 52, bias = 1023, terms = 12;
  static constexpr double polynomial[terms] = {1.0,
                                               1.0,
                                               0.5000000000000011,
                                               0.16666666666666402,
                                               0.041666666666525125,
                                               0.008333333333499789,
                                               0.0013888888945165644,
                                               0.00019841269495454975,
                                               2.4801491324782554e-05,
                                               2.7557390577490832e-06,
                                               2.763093756710151e-07,
                                               2.4999860077144334e-08};
};

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type exponential(typename Vec<T>::type x) {
  using E = Exponential<T>;
  using V = typename Vec<T>::type;
  const V shifted = multiply_add(x, splat(T(1.4426950408889634)), splat(E::round));
  const V n = shifted - splat(E::round);
  V r = multiply_add(n, splat(-E::ln2_high), x);
  r = multiply_add(n, splat(-E::ln2_low), r);
  V p = splat(E::polynomial[E::terms - 1]);
#pragma GCC unroll 16
  for (int i = E::terms - 2; i >= 0; --i) p = multiply_add(p, r, splat(E::polynomial[i]));
  // The lowest bits of `shifted` are n.
  using Bits = typename E::Bits;
  const V power = (V)(((Bits)shifted + E::bias) << E::mantissa);
  return x < splat(E::lowest) ? V{} : p * power;
}

/// Whether powers of 2 have instructions of their own (powers_avx512.h).
template <class T, class V = typename Vec<T>::type>
constexpr bool has_powers = std::is_same_v<T, float> && requires(V x) { power_of_two(x); };

/// exp(x) for x <= 0. By powers of 2 it takes half as long, and the error grows with -x as that of
/// x / ln 2 does: where exp(x) is nothing beside 1.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type exponential_beside_1(
    typename Vec<T>::type x) {
  if constexpr (has_powers<T>)
    return power_of_two(x * splat(1.4426950408889634f));
  else
    return exponential<T>(x);
}

/// log(x) of positive normal numbers as in flambeau/kernels/maths/log.py: x = 2^k (1 + f) with f in
/// [-1/3, 1/3). NaN stays NaN.
template <class T>
struct Logarithm;

template <>
struct Logarithm<float> {
  static constexpr int32_t two_thirds = 0x3F2AAAAB;
  static constexpr int terms = 10;
  static constexpr float polynomial[terms] = {
      1.0f,          -0.5f,        0.333332151f,  -0.249998063f, 0.200104266f,
      -0.166801974f, 0.140057281f, -0.121874496f, 0.139846534f,  -0.128801912f};
};

template <>
struct Logarithm<double> {
  static constexpr int64_t two_thirds = 0x3FE5555555555555;
  // Of s = f / (2 + f) in log(1 + f) = f - s (f - s^2 P(s^2)).
  static constexpr int terms = 8;
  static constexpr double polynomial[terms] = {
      0.666666666666666,   0.4000000000005674,  0.2857142855580588, 0.22222224299449664,
      0.18181665680616474, 0.15391118685608923, 0.131734814915503,  0.13843860950220163};
};

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type logarithm(typename Vec<T>::type x) {
  using E = Exponential<T>;
  using L = Logarithm<T>;
  using V = typename Vec<T>::type;
  using Bits = typename E::Bits;
  const Bits exponent = ((Bits)x - L::two_thirds) >> E::mantissa;
  // A small integer in the lowest bits of `round` is that number added to it.
  const V k = (V)(exponent + (Bits)splat(E::round)) - splat(E::round);
  const V f = (V)((Bits)x - (exponent << E::mantissa)) - 1;
  V p = splat(L::polynomial[L::terms - 1]), result;
  if constexpr (sizeof(T) == 4) {
#pragma GCC unroll 16
    for (int i = L::terms - 2; i >= 0; --i) p = multiply_add(p, f, splat(L::polynomial[i]));
    result = multiply_add(k, splat(E::ln2_high), p * f);
  } else {
    const V s = f / (2 + f), square = s * s;
#pragma GCC unroll 16
    for (int i = L::terms - 2; i >= 0; --i) p = multiply_add(p, square, splat(L::polynomial[i]));
    result = multiply_add(k, splat(E::ln2_high), f - s * (f - square * p));
  }
  return result + (x - x);
}

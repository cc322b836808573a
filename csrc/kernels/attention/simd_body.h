// The loops of attention/simd.h, after vector_body.h in the same namespace. No include guard: each
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

template <class T>
void attention_hide(T* x, const bool* visible, int64_t n) {
  constexpr T hidden = -std::numeric_limits<T>::infinity();
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(visible);
  for (int64_t i = 0; i < n; ++i) x[i] = bytes[i] ? x[i] : hidden;
}

template <class T>
T attention_largest(const T* x, int64_t n) {
  constexpr int lanes = Vec<T>::lanes;
  typename Vec<T>::type best = splat(-std::numeric_limits<T>::infinity());
  for (int64_t i = 0; i < n; i += lanes) {
    const typename Vec<T>::type value = load(x + i);
    best = value > best ? value : best;
  }
  T result = best[0];
  for (int l = 1; l < lanes; ++l) result = best[l] > result ? best[l] : result;
  return result;
}

template <class T>
T attention_exponentials(T* x, int64_t n, T from) {
  constexpr int lanes = Vec<T>::lanes;
  typename Vec<T>::type sum = {};
  for (int64_t i = 0; i < n; i += lanes) {
    const typename Vec<T>::type value = exponential<T>(load(x + i) - splat(from));
    store(x + i, value);
    sum += value;
  }
  T result = 0;
  for (int l = 0; l < lanes; ++l) result += sum[l];
  return result;
}

template <class T>
void attention_slopes(T* weights, T* slopes, int64_t n, T factor, T mean, T scale) {
  for (int64_t i = 0; i < n; i += Vec<T>::lanes) {
    const typename Vec<T>::type weight = load(weights + i) * splat(factor);
    store(weights + i, weight);
    store(slopes + i, weight * (load(slopes + i) - splat(mean)) * splat(scale));
  }
}

extern const AttentionKernels<float> float_attention = {
    Vec<float>::lanes, attention_hide<float>, attention_largest<float>,
    attention_exponentials<float>, attention_slopes<float>};
extern const AttentionKernels<double> double_attention = {
    Vec<double>::lanes, attention_hide<double>, attention_largest<double>,
    attention_exponentials<double>, attention_slopes<double>};

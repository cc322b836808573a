// The loops of attention/simd.h, after vector_body.h and maths_body.h in the same namespace. No
// include guard: each instruction set compiles its own copy.

template <class T>
void attention_hide(T* x, const uint8_t* visible, int64_t n) {
  constexpr T hidden = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < n; ++i) x[i] = visible[i] ? x[i] : hidden;
}

template <class T>
T attention_largest(const T* x, int64_t n) {
  constexpr int lanes = Vec<T>::lanes;
  typename Vec<T>::type best = splat(-std::numeric_limits<T>::infinity());
  for (int64_t i = 0; i < n; i += lanes) {
    const typename Vec<T>::type value = load(x + i);
    best = value > best ? value : best;
  }
  return across<T>(best, [](auto a, auto b) { return b > a ? b : a; });
}

template <class T>
T attention_exponentials(T* x, int64_t n, T from) {
  constexpr int lanes = Vec<T>::lanes;
  typename Vec<T>::type sum = {};
  for (int64_t i = 0; i < n; i += lanes) {
    const typename Vec<T>::type value = exponential_beside_1<T>(load(x + i) - splat(from));
    store(x + i, value);
    sum += value;
  }
  return sum_of_lanes<T>(sum);
}

template <class T>
void attention_slopes(T* weights, T* slopes, int64_t n, T factor, T mean, T scale, const T* kept) {
  using vec = typename Vec<T>::type;
  for (int64_t i = 0; i < n; i += Vec<T>::lanes) {
    const vec weight = load(weights + i) * splat(factor), slope = load(slopes + i);
    const vec by = kept ? load(kept + i) : splat(T(1));
    store(weights + i, weight * by);
    store(slopes + i, weight * (slope * by - splat(mean)) * splat(scale));
  }
}

extern const AttentionKernels<float> float_attention = {
    Vec<float>::lanes, attention_hide<float>, attention_largest<float>,
    attention_exponentials<float>, attention_slopes<float>};
extern const AttentionKernels<double> double_attention = {
    Vec<double>::lanes, attention_hide<double>, attention_largest<double>,
    attention_exponentials<double>, attention_slopes<double>};

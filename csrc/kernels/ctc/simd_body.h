// The loops of ctc/simd.h, after vector_body.h and maths_body.h in the same namespace. No include
// guard: each instruction set compiles its own copy.

template <class T>
void ctc_step(int64_t n, const T* from, const T* one, const T* two, const T* skip, const T* emitted,
              T* to) {
  using V = typename Vec<T>::type;
  for (int64_t s = 0; s < n; s += Vec<T>::lanes) {
    // The largest and two others: a NaN ends up among the three.
    const V a = load(from + s), b = load(one + s), c = load(two + s) + load(skip + s);
    const V larger = a > b ? a : b, other = a > b ? b : a;
    const V most = larger > c ? larger : c, third = larger > c ? c : larger;
    const V total = 1 + exponential<T>(other - most) + exponential<T>(third - most);
    const V sum = most == splat(-std::numeric_limits<T>::infinity()) ? other + third
                                                                     : most + logarithm<T>(total);
    store(to + s, sum + load(emitted + s));
  }
}

template <class T>
void ctc_posterior(int64_t n, const T* alpha, const T* beta, const T* emitted, T loss, T* to) {
  for (int64_t s = 0; s < n; s += Vec<T>::lanes)
    store(to + s, exponential<T>(load(alpha + s) + load(beta + s) - load(emitted + s) + loss));
}

template <class T>
void ctc_exponentials(int64_t n, const T* x, T* to) {
  by_vectors<T>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    const typename Vec<T>::type value = get(x);
    const auto power = value > T(sizeof(T) == 4 ? 88.72 : 709.7)
                           ? splat(std::numeric_limits<T>::infinity())
                           : exponential<T>(value);
    put(to, power + (value - value));
  });
}

extern const CtcKernels<float> float_ctc = {Vec<float>::lanes, ctc_step<float>,
                                            ctc_posterior<float>, ctc_exponentials<float>};
extern const CtcKernels<double> double_ctc = {Vec<double>::lanes, ctc_step<double>,
                                              ctc_posterior<double>, ctc_exponentials<double>};

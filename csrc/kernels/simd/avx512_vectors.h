// Multiply-add, and loads and stores of some lanes, of 64 bytes; inside the including file's
// namespace, below its target. No include guard.

constexpr int vector_bytes = 64;

inline __attribute__((always_inline)) __m512 multiply_add(__m512 a, __m512 b, __m512 sum) {
  return _mm512_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m512d multiply_add(__m512d a, __m512d b, __m512d sum) {
  return _mm512_fmadd_pd(a, b, sum);
}
inline __attribute__((always_inline)) float multiply_add(float a, float b, float sum) {
  return __builtin_fmaf(a, b, sum);
}
inline __attribute__((always_inline)) double multiply_add(double a, double b, double sum) {
  return __builtin_fma(a, b, sum);
}

inline __attribute__((always_inline)) __m512 load_some(const float* from, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, from);
}
inline __attribute__((always_inline)) __m512d load_some(const double* from, __mmask16 mask) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), from);
}
/// `others` where the mask has none.
inline __attribute__((always_inline)) __m512 load_over(__m512 others, const float* from,
                                                       __mmask16 mask) {
  return _mm512_mask_loadu_ps(others, mask, from);
}
inline __attribute__((always_inline)) void store_some(float* to, __m512 value, __mmask16 mask) {
  _mm512_mask_storeu_ps(to, mask, value);
}
inline __attribute__((always_inline)) void store_some(double* to, __m512d value, __mmask16 mask) {
  _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), value);
}

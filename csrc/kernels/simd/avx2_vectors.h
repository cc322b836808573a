// Multiply-add, and loads and stores of some lanes, of 32 bytes; inside the including file's
// namespace, below its target. No include guard.

constexpr int vector_bytes = 32;

inline __attribute__((always_inline)) __m256 multiply_add(__m256 a, __m256 b, __m256 sum) {
  return _mm256_fmadd_ps(a, b, sum);
}
inline __attribute__((always_inline)) __m256d multiply_add(__m256d a, __m256d b, __m256d sum) {
  return _mm256_fmadd_pd(a, b, sum);
}
inline __attribute__((always_inline)) float multiply_add(float a, float b, float sum) {
  return __builtin_fmaf(a, b, sum);
}
inline __attribute__((always_inline)) double multiply_add(double a, double b, double sum) {
  return __builtin_fma(a, b, sum);
}

inline __attribute__((always_inline)) __m256 load_some(const float* from, __m256i mask) {
  return _mm256_maskload_ps(from, mask);
}
inline __attribute__((always_inline)) __m256d load_some(const double* from, __m256i mask) {
  return _mm256_maskload_pd(from, mask);
}
/// `others` where the mask has none.
inline __attribute__((always_inline)) __m256 load_over(__m256 others, const float* from,
                                                       __m256i mask) {
  return _mm256_blendv_ps(others, _mm256_maskload_ps(from, mask), _mm256_castsi256_ps(mask));
}
inline __attribute__((always_inline)) void store_some(float* to, __m256 value, __m256i mask) {
  _mm256_maskstore_ps(to, mask, value);
}
inline __attribute__((always_inline)) void store_some(double* to, __m256d value, __m256i mask) {
  _mm256_maskstore_pd(to, mask, value);
}

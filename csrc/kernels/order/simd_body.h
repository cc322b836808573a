// The loops of order/simd.h, after vector_body.h and maths_body.h in the same namespace. No include
// guard: each instruction set compiles its own copy.

inline void log_sum_exponentials(int64_t n, const double* x, double most, double* to) {
  by_vectors<double>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    put(to, exponential<double>(get(x) - splat(most)));
  });
}

inline void log_sum_logarithms(int64_t n, const double* sum, double factor, double first,
                               double most, double* to) {
  by_vectors<double>(n, [&](auto get, auto put) __attribute__((always_inline)) {
    put(to, logarithm<double>(multiply_add(get(sum), splat(factor), splat(first))) + splat(most));
  });
}

extern const LogSumKernels log_sums = {log_sum_exponentials, log_sum_logarithms};

// The loop of elements/dropout.h, after vector_body.h and what multiplies low halves
// (product_of_halves) in the same namespace. No include guard: each instruction set compiles its
// own copy.

constexpr uint64_t low_half = 0xffffffff, philox_step = 0x9E3779B9;

/// `short_philox` of flambeau/ops/philox.py: words 0 and 1 of counters with `low` and `high` halves
/// in lanes, whose upper halves are anything.
template <class U>
inline __attribute__((always_inline)) void short_philox(U& low, U& high, uint64_t key) {
#pragma GCC unroll 8
  for (int round = 0; round < 7; ++round, key = (key + philox_step) & low_half) {
    const U product = product_of_halves(low, U{} + 0xD256D193);
    low = (product >> 32) ^ high ^ key;
    high = product;
  }
}

/// Elements [0, n) of a row, of which the first is number `index`.
inline void drop_row(int64_t n, uint64_t index, const float* input, uint64_t seed, uint64_t call,
                     float p, float* out) {
  using F = Vec<float>::type;
  using U = Vec<uint64_t>::type;
  constexpr int lanes = Vec<float>::lanes, counters = lanes / 2;
  const uint64_t key = (seed * 0xD2B74407B1CE6E93) >> 32;
  const float scale = 1 / (1 - p);
  U steps;
  for (int lane = 0; lane < counters; ++lane) steps[lane] = lane;
  auto vector = [&](uint64_t first, F value) __attribute__((always_inline)) {
    const uint64_t counter = first / 2;
    U low = steps + counter, high = ((low >> 32) * philox_step + call) & low_half;
    short_philox(low, high, key);
    const auto words = (Vec<int32_t>::type)((low & low_half) | high << 32);
    const auto drawn = (Vec<int32_t>::type)((Vec<uint32_t>::type)words >> 8);
    const F unit = __builtin_convertvector(drawn, F) * 0x1p-24f;
    return value * (unit >= p ? splat(scale) : F{});
  };
  int64_t i = 0;
  // Both words of a counter belong to neighbours, the even one first.
  auto some = [&](int64_t skipped, int64_t count) {
    float part[lanes] = {};
    for (int64_t k = 0; k < count; ++k) part[skipped + k] = input[i + k];
    store(part, vector(index + i - skipped, load(part)));
    for (int64_t k = 0; k < count; ++k) out[i + k] = part[skipped + k];
    i += count;
  };
  if (index % 2 && n > 0) some(1, n < lanes - 1 ? n : lanes - 1);
  for (; i + lanes <= n; i += lanes) store(out + i, vector(index + i, load(input + i)));
  if (i < n) some(0, n - i);
}

inline void run_dropout(int64_t n_inner, int64_t n_outer, int64_t index0, char* const* ptrs,
                        const int64_t*, const int64_t* outer_strides) {
  for (int64_t o = 0; o < n_outer; ++o) {
    auto at = [&](int k) { return ptrs[k] + o * outer_strides[k]; };
    drop_row(n_inner, static_cast<uint64_t>(index0 + o * n_inner),
             reinterpret_cast<const float*>(at(1)), *reinterpret_cast<const uint64_t*>(at(2)),
             *reinterpret_cast<const uint64_t*>(at(3)), *reinterpret_cast<const float*>(at(4)),
             reinterpret_cast<float*>(at(0)));
  }
}

extern const DropoutKernels float_dropout = {run_dropout, drop_row};

#include "runtime/blas.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/gemm_blocked.h"
#include "runtime/threads.h"
#include "tensor/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace flambeau {
namespace {

enum CblasOrder : int { row_major = 101 };
enum CblasTranspose : int { no_trans = 111, trans = 112, conj_trans = 113, conj_no_trans = 114 };

template <class T>
struct ByValue {
  using type = T;
  static T pass(const T& value) { return value; }
};
template <class T>
struct ByValue<std::complex<T>> {  // CBLAS takes complex scalars by address
  using type = const void*;
  static const void* pass(const std::complex<T>& value) { return &value; }
};

template <class T>
struct Routines {
  using Scalar = typename ByValue<T>::type;
  void (*gemm)(int order, int trans_a, int trans_b, int m, int n, int k, Scalar alpha, const T* a,
               int lda, const T* b, int ldb, Scalar beta, T* c, int ldc) = nullptr;
  void (*gemv)(int order, int trans, int m, int n, Scalar alpha, const T* a, int lda, const T* x,
               int incx, Scalar beta, T* y, int incy) = nullptr;
};

/// The opened library and the routines found in it; lives until the process ends.
class Library {
 public:
  explicit Library(const std::string& path) {
    // Read once when OpenBLAS starts: without it the library makes a thread for every core.
    const char* name = "OPENBLAS_NUM_THREADS";
    const char* old = std::getenv(name);
    std::string saved = old ? old : "";
#if defined(_WIN32)
    _putenv_s(name, "1");
    handle_ = reinterpret_cast<void*>(LoadLibraryA(path.c_str()));
    _putenv_s(name, saved.c_str());
    check(handle_ != nullptr, [&] { return message("blas_load: cannot open ", path); });
#else
    setenv(name, "1", 1);
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (old)
      setenv(name, saved.c_str(), 1);
    else
      unsetenv(name);
    check(handle_ != nullptr,
          [&] { return message("blas_load: cannot open ", path, ": ", dlerror()); });
#endif
    if (void* limit = find("openblas_set_num_threads")) reinterpret_cast<void (*)(int)>(limit)(1);
    load(s, 's');
    load(d, 'd');
    load(c, 'c');
    load(z, 'z');
    check(s.gemm && d.gemm && c.gemm && z.gemm, [&] {
      return message("blas_load: ", path, " has no cblas_sgemm; expected an OpenBLAS with CBLAS.");
    });
  }

  void* find(const std::string& name) const {
    for (const char* prefix : {"scipy_", ""}) {
      std::string symbol = prefix + name;
#if defined(_WIN32)
      void* address =
          reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), symbol.c_str()));
#else
      void* address = dlsym(handle_, symbol.c_str());
#endif
      if (address) return address;
    }
    return nullptr;
  }

  Routines<float> s;
  Routines<double> d;
  Routines<complex64> c;
  Routines<complex128> z;

 private:
  template <class T>
  void load(Routines<T>& routines, char letter) {
    routines.gemm =
        reinterpret_cast<decltype(routines.gemm)>(find(std::string("cblas_") + letter + "gemm"));
    routines.gemv =
        reinterpret_cast<decltype(routines.gemv)>(find(std::string("cblas_") + letter + "gemv"));
  }
  void* handle_ = nullptr;
};

std::atomic<const Library*> library{nullptr};

template <class T>
const Routines<T>* routines() {
  const Library* lib = library.load(std::memory_order_acquire);
  if (!lib) return nullptr;
  if constexpr (std::is_same_v<T, float>)
    return &lib->s;
  else if constexpr (std::is_same_v<T, double>)
    return &lib->d;
  else if constexpr (std::is_same_v<T, complex64>)
    return &lib->c;
  else
    return &lib->z;
}

template <class T>
inline constexpr bool is_complex_v = !std::is_floating_point_v<T>;

constexpr int64_t int_max = 0x7fffffff;

/// CBLAS row-major knows no "conjugate without transpose" for gemm: such operands are copied first.
template <class T>
std::vector<T> conjugated(const T* matrix, int64_t rows, int64_t cols, int64_t ld) {
  std::vector<T> copy(rows * cols);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) copy[i * cols + j] = std::conj(matrix[i * ld + j]);
  return copy;
}

template <class T>
void apply_epilogue(const Epilogue& epilogue, int64_t row0, int64_t col0, int64_t rows,
                    int64_t cols, T* c, int64_t ldc) {
  const T* bias = static_cast<const T*>(epilogue.bias);
  for (int64_t i = 0; i < rows; ++i) {
    T* row = c + i * ldc;
    if (bias && epilogue.bias_per_row) {
      T add = bias[row0 + i];
      for (int64_t j = 0; j < cols; ++j) row[j] += add;
    } else if (bias) {
      const T* add = bias + col0;
      for (int64_t j = 0; j < cols; ++j) row[j] += add[j];
    }
    if constexpr (!is_complex_v<T>) {
      // The comparison keeps NaN.
      if (epilogue.relu)
        for (int64_t j = 0; j < cols; ++j) row[j] = row[j] < T(0) ? T(0) : row[j];
    }
  }
}

/// How a product is cut, from its shape alone: tiles of the result, or slices of K if it is small.
struct Cut {
  int64_t tile_m, tile_n, slice_k;
};

constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// A tile of 2 MFLOP takes about 15 us, against 1 us to hand it to another thread. The library packs
// A and B anew for each tile: 64 tiles of 1024 x 1024 ran at 117 GFLOP/s, four at 152, as fast as
// one call.
constexpr double least_tile_flop = 2e6;
constexpr int64_t most_tiles = 256;

Cut cut(int64_t M, int64_t N, int64_t K, int64_t batch, double flop_per_step) {
  Cut result{M, N, K};
  double flop =
      flop_per_step * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  // A long sum into a small result: slices of K, added in order.
  if (batch == 1 && K >= 16384 && M * N <= 128 * 128 && flop > 4 * least_tile_flop) {
    result.slice_k = std::max<int64_t>(4096, round_up((K + 31) / 32, 256));
    return result;
  }
  int64_t tiles = batch;
  while (tiles < most_tiles && flop > 2 * least_tile_flop) {
    bool by_n = result.tile_n >= result.tile_m;
    int64_t& dim = by_n ? result.tile_n : result.tile_m;
    // Past two tiles, only long sides are cut.
    if (dim <= 32 || (tiles >= 2 && dim <= 512)) break;
    dim = round_up((dim + 1) / 2, by_n ? 16 : 8);
    flop /= 2;
    tiles *= 2;
  }
  return result;
}

}  // namespace

void blas_load(const std::string& path) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (library.load()) return;
  library.store(std::make_unique<const Library>(path).release(), std::memory_order_release);
}

bool blas_loaded() { return library.load(std::memory_order_acquire) != nullptr; }

void* lapack_symbol(const char* name) {
  const Library* lib = library.load(std::memory_order_acquire);
  return lib ? lib->find(name) : nullptr;
}

template <class T>
void gemm_tile(const Gemm<T>& p) {
  if constexpr (!is_complex_v<T>) return gemm_blocked(p);
  if (p.M == 0 || p.N == 0) return;
  const Routines<T>* lib = routines<T>();
  int64_t largest = std::max({p.M, p.N, p.K, p.lda, p.ldb, p.ldc});
  if (!lib || p.K == 0 || largest > int_max) return gemm_loops(p);
  if constexpr (is_complex_v<T>) {
    if (p.conj_a && !p.trans_a) {
      auto copy = conjugated(p.a, p.M, p.K, p.lda);
      Gemm<T> q = p;
      q.a = copy.data(), q.lda = p.K, q.conj_a = false;
      return gemm_tile(q);
    }
    if (p.conj_b && !p.trans_b) {
      auto copy = conjugated(p.b, p.K, p.N, p.ldb);
      Gemm<T> q = p;
      q.b = copy.data(), q.ldb = p.N, q.conj_b = false;
      return gemm_tile(q);
    }
  }
  auto flag = [](bool transposed, bool conj) {
    return transposed ? (is_complex_v<T> && conj ? conj_trans : trans) : no_trans;
  };
  // The library wants every leading dimension at least as long as a row, even of one element.
  auto ld = [](int64_t given, int64_t row) {
    return static_cast<int>(std::max({given, row, int64_t{1}}));
  };
  using Pass = ByValue<T>;
  lib->gemm(row_major, flag(p.trans_a, p.conj_a), flag(p.trans_b, p.conj_b), static_cast<int>(p.M),
            static_cast<int>(p.N), static_cast<int>(p.K), Pass::pass(p.alpha), p.a,
            ld(p.lda, p.trans_a ? p.M : p.K), p.b, ld(p.ldb, p.trans_b ? p.K : p.N),
            Pass::pass(p.beta), p.c, ld(p.ldc, p.N));
}

template <class T>
void gemm(const Gemm<T>& p) {
  if constexpr (!is_complex_v<T>) return gemm_blocked(p);
  if (p.M == 0 || p.N == 0 || p.batch == 0) return;
  const Cut c = cut(p.M, p.N, p.K, p.batch, is_complex_v<T> ? 8 : 2);
  const bool finish = p.epilogue.bias || p.epilogue.relu;

  if (c.slice_k < p.K) {
    int64_t n_slices = (p.K + c.slice_k - 1) / c.slice_k;
    std::vector<T> partial(n_slices * p.M * p.N);
    parallel_for(n_slices, [&](int64_t slice) {
      int64_t k0 = slice * c.slice_k;
      Gemm<T> part = p;
      part.K = std::min(c.slice_k, p.K - k0);
      part.a += p.trans_a ? k0 * p.lda : k0;
      part.b += p.trans_b ? k0 : k0 * p.ldb;
      part.c = partial.data() + slice * p.M * p.N;
      part.ldc = p.N;
      part.beta = T(0);
      gemm_tile(part);
    });
    for (int64_t i = 0; i < p.M; ++i)
      for (int64_t j = 0; j < p.N; ++j) {
        T sum = p.beta == T(0) ? T(0) : p.beta * p.c[i * p.ldc + j];
        for (int64_t slice = 0; slice < n_slices; ++slice)
          sum += partial[(slice * p.M + i) * p.N + j];
        p.c[i * p.ldc + j] = sum;
      }
    if (finish) apply_epilogue(p.epilogue, 0, 0, p.M, p.N, p.c, p.ldc);
    return;
  }

  const int64_t tiles_m = (p.M + c.tile_m - 1) / c.tile_m,
                tiles_n = (p.N + c.tile_n - 1) / c.tile_n;
  auto one_tile = [&](int64_t index) {
    int64_t n0 = index % tiles_n * c.tile_n, m0 = index / tiles_n % tiles_m * c.tile_m;
    int64_t item = index / (tiles_n * tiles_m);
    Gemm<T> tile = p;
    tile.M = std::min(c.tile_m, p.M - m0);
    tile.N = std::min(c.tile_n, p.N - n0);
    tile.a += item * p.batch_stride_a + (p.trans_a ? m0 : m0 * p.lda);
    tile.b += item * p.batch_stride_b + (p.trans_b ? n0 * p.ldb : n0);
    tile.c += item * p.batch_stride_c + m0 * p.ldc + n0;
    gemm_tile(tile);
    if (finish) apply_epilogue(p.epilogue, m0, n0, tile.M, tile.N, tile.c, tile.ldc);
  };
  // Many small products of a batch make one chunk together.
  double tile_flop = 2.0 * static_cast<double>(c.tile_m) * static_cast<double>(c.tile_n) *
                         static_cast<double>(std::max<int64_t>(p.K, 1)) +
                     500;
  int64_t per_chunk = std::max<int64_t>(1, static_cast<int64_t>(least_tile_flop / tile_flop));
  parallel_ranges(tiles_m * tiles_n * p.batch, per_chunk, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) one_tile(index);
  });
}

template <class T>
void gemv(bool transposed, int64_t M, int64_t N, T alpha, const T* a, int64_t lda, const T* x,
          int64_t incx, T beta, T* y, int64_t incy) {
  const int64_t rows = transposed ? N : M, depth = transposed ? M : N;
  if (rows == 0) return;
  const Routines<T>* lib = routines<T>();
  bool fits = std::max({M, N, lda, incx, incy}) <= int_max;
  // Memory-bound: 256 KiB of A a chunk.
  int64_t grain = std::max<int64_t>(64, 65536 / std::max<int64_t>(depth, 1) / 16 * 16);
  parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
    T* out = y + begin * incy;
    if (!lib || !fits || depth == 0) {
      for (int64_t i = begin; i < end; ++i, out += incy) {
        T sum{};
        for (int64_t j = 0; j < depth; ++j)
          sum += (transposed ? a[j * lda + i] : a[i * lda + j]) * x[j * incx];
        *out = beta == T(0) ? alpha * sum : alpha * sum + beta * *out;
      }
      return;
    }
    int64_t m = transposed ? M : end - begin, n = transposed ? end - begin : N;
    if (beta == T(0))  // the library would multiply a NaN in y by 0
      for (int64_t i = 0; i < end - begin; ++i) out[i * incy] = T(0);
    using Pass = ByValue<T>;
    lib->gemv(row_major, transposed ? trans : no_trans, static_cast<int>(m), static_cast<int>(n),
              Pass::pass(alpha), a + (transposed ? begin : begin * lda),
              static_cast<int>(std::max({lda, n, int64_t{1}})), x, static_cast<int>(incx),
              Pass::pass(beta), out, static_cast<int>(incy));
  });
}

template <class T>
T dot(int64_t n, const T* x, int64_t incx, const T* y, int64_t incy, bool conj) {
  constexpr int64_t block = 1 << 16;
  auto part = [&](int64_t begin, int64_t end) {
    T lanes[16] = {};
    int64_t i = begin;
    if (incx == 1 && incy == 1 && !(is_complex_v<T> && conj)) {
      for (; i + 16 <= end; i += 16)
        for (int lane = 0; lane < 16; ++lane) lanes[lane] += x[i + lane] * y[i + lane];
    }
    for (; i < end; ++i) {
      T value = x[i * incx];
      if constexpr (is_complex_v<T>) {
        if (conj) value = std::conj(value);
      }
      lanes[(i - begin) & 15] += value * y[i * incy];
    }
    for (int width = 8; width > 0; width /= 2)
      for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    return lanes[0];
  };
  if (n <= block) return part(0, n);
  std::vector<T> partial((n + block - 1) / block);
  parallel_ranges(n, block,
                  [&](int64_t begin, int64_t end) { partial[begin / block] = part(begin, end); });
  T sum{};
  for (T value : partial) sum += value;
  return sum;
}

template void gemm(const Gemm<float>&);
template void gemm(const Gemm<double>&);
template void gemm(const Gemm<complex64>&);
template void gemm(const Gemm<complex128>&);
template void gemm_tile(const Gemm<float>&);
template void gemm_tile(const Gemm<double>&);
template void gemm_tile(const Gemm<complex64>&);
template void gemm_tile(const Gemm<complex128>&);
template void gemv(bool, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t,
                   float, float*, int64_t);
template void gemv(bool, int64_t, int64_t, double, const double*, int64_t, const double*, int64_t,
                   double, double*, int64_t);
template void gemv(bool, int64_t, int64_t, complex64, const complex64*, int64_t, const complex64*,
                   int64_t, complex64, complex64*, int64_t);
template void gemv(bool, int64_t, int64_t, complex128, const complex128*, int64_t,
                   const complex128*, int64_t, complex128, complex128*, int64_t);
template float dot(int64_t, const float*, int64_t, const float*, int64_t, bool);
template double dot(int64_t, const double*, int64_t, const double*, int64_t, bool);
template complex64 dot(int64_t, const complex64*, int64_t, const complex64*, int64_t, bool);
template complex128 dot(int64_t, const complex128*, int64_t, const complex128*, int64_t, bool);

}  // namespace flambeau

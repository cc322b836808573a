// Sums over windows, compiled for each instruction set (as conv/simd.h). Pure loops over raw
// memory: any thread, no GIL, no allocation.
#pragma once
#include <cstdint>
#include <type_traits>

namespace flambeau {

/// What elements of T are summed in.
template <class T>
using resize_sum_t = std::conditional_t<std::is_same_v<T, uint8_t>, int32_t, T>;

template <class T>
struct ResizeKernels {
  using Sum = resize_sum_t<T>;
  int lanes;  // sums of a vector

  /// out[j] = sum over k < count of weights[k] * in[k * step + j], for j < n.
  void (*mix_rows)(int64_t count, const T* in, int64_t step, const Sum* weights, int bits,
                   int64_t n, T* out);

  /// to[i * lanes + l] = row l's element i, for l < n_rows, i < n; other lanes are 0. Rows are
  /// `row` apart, elements side by side.
  void (*load_rows)(int64_t n_rows, int64_t n, const T* in, int64_t row, Sum* to);
  /// For i < n: row l's element i = sum over k < first[i + 1] - first[i] of
  /// weights[first[i] + k] * from[(begin[i] + k) * lanes + l].
  void (*mix_columns)(int64_t n_rows, int64_t n, const Sum* from, const int64_t* begin,
                      const int64_t* first, const Sum* weights, int bits, T* out, int64_t row);

  /// For n_rows <= paired_rows rows, each in_row and out_row apart, and i in [begin, end): out[i] =
  /// weights[2 * i] * in[places[i]] + weights[2 * i + 1] * in[places[i] + 1]. Not of bytes.
  static constexpr int64_t paired_rows = 4;
  void (*mix_pairs)(int64_t n_rows, int64_t begin, int64_t end, const T* in, int64_t in_row,
                    const int64_t* places, const Sum* weights, T* out, int64_t out_row);

  /// Undoes load_rows. Not of bytes.
  void (*store_rows)(int64_t n_rows, int64_t n, const T* from, T* out, int64_t row);
  /// A row of n pixels of so many channels: each the sum over k < first[i + 1] - first[i] of
  /// weights[first[i] + k] times pixel begin[i] + k. Of fewer channels than lanes `in` is read as
  /// many elements beyond its end as there are lanes. Not of bytes.
  void (*mix_places)(int64_t n, int64_t channels, const T* in, const int64_t* begin,
                     const int64_t* first, const Sum* weights, T* out);
  /// The same of so many rows at once, each with a weight of its own. channels >= lanes.
  void (*mix_areas)(int64_t n, int64_t channels, int64_t rows, const T* in, int64_t row,
                    const Sum* row_weights, const int64_t* begin, const int64_t* first,
                    const Sum* weights, T* out);
};

/// The kernels for this machine. T: float, double, uint8_t.
template <class T>
const ResizeKernels<T>& resize_kernels();

struct PixelKernels {
  int group;  // pixels of four bytes that a vector of sums holds

  /// Pixel i of out, i < n: the sum over k < groups * group of weight k times pixel begin[i] + k.
  /// weights: of each i, each weight four times.
  void (*mix)(int64_t n, const uint8_t* in, const int64_t* begin, int64_t groups,
              const int32_t* weights, int bits, uint8_t* out);
};
const PixelKernels& pixel_kernels();

struct ResizeTable {
  ResizeKernels<float> floats;
  ResizeKernels<double> doubles;
  ResizeKernels<uint8_t> bytes;
  PixelKernels pixels;
};
namespace simd_avx512 {
extern const ResizeTable resize;
}
namespace simd_avx2 {
extern const ResizeTable resize;
}
namespace simd_base {
extern const ResizeTable resize;
}

}  // namespace flambeau

#include "kernels/conv/complex.h"

#include <algorithm>
#include <memory>

#include "kernels/elements/clones.h"
#include "runtime/threads.h"

namespace flambeau {
namespace {

int64_t volume(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

/// from[2 i] to even[i], from[2 i + 1] to odd[i].
FLAMBEAU_CLONES void take_apart(const float* from, int64_t n, float* even, float* odd) {
  for (int64_t i = 0; i < n; ++i) even[i] = from[2 * i], odd[i] = from[2 * i + 1];
}
FLAMBEAU_CLONES void take_apart(const double* from, int64_t n, double* even, double* odd) {
  for (int64_t i = 0; i < n; ++i) even[i] = from[2 * i], odd[i] = from[2 * i + 1];
}
FLAMBEAU_CLONES void bring_together(const float* even, const float* odd, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[2 * i] = even[i], to[2 * i + 1] = odd[i];
}
FLAMBEAU_CLONES void bring_together(const double* even, const double* odd, int64_t n, double* to) {
  for (int64_t i = 0; i < n; ++i) to[2 * i] = even[i], to[2 * i + 1] = odd[i];
}

/// Of channels of their own four planes are multiplied, each by a part of its kernel, so that the
/// real convolution has such channels too; else both parts of all sources are summed for both parts
/// of each target.
bool has_own_channels(const ConvShape& s) { return s.C == s.groups && s.O == s.groups; }

ConvShape shape_of_parts(const ConvShape& s) {
  ConvShape real = s;
  real.dtype = s.dtype == DType::complex64 ? DType::float32 : DType::float64;
  const int64_t planes = has_own_channels(s) ? 4 : 2;
  real.C *= planes, real.O *= planes;
  if (has_own_channels(s)) real.groups *= planes;
  return real;
}

template <class T>
std::unique_ptr<T[]> memory(int64_t n) {
  return std::make_unique_for_overwrite<T[]>(n);
}

/// Planes of `size` complex numbers as `n_parts` real ones each, of which plane i holds the part
/// part[i], 0 or 1; the first two differ.
template <class T>
std::unique_ptr<T[]> parts_of(const void* from, int64_t n_planes, int64_t size, int64_t n_parts,
                              const int (&part)[4]) {
  auto apart = memory<T>(n_parts * n_planes * size);
  const T* numbers = static_cast<const T*>(from);
  parallel_ranges(n_planes, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, size)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t plane = begin; plane < end; ++plane) {
                      T* to = apart.get() + n_parts * plane * size;
                      T* of[2];
                      of[part[0]] = to, of[part[1]] = to + size;
                      take_apart(numbers + 2 * plane * size, size, of[0], of[1]);
                      for (int64_t i = 2; i < n_parts; ++i)
                        std::copy_n(of[part[i]], size, to + i * size);
                    }
                  });
  return apart;
}

constexpr int as_they_are[4] = {0, 1, 0, 1}, for_products[4] = {0, 1, 1, 0};

/// The way back. Of four planes the first two are summed to one part, the others to the other.
template <class T>
void together(const T* apart, int64_t n_planes, int64_t size, int64_t n_parts, T sign, void* to) {
  T* numbers = static_cast<T*>(to);
  parallel_ranges(n_planes, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, size)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t plane = begin; plane < end; ++plane) {
                      const T* from = apart + n_parts * plane * size;
                      T* out = numbers + 2 * plane * size;
                      if (n_parts == 2) {
                        bring_together(from, from + size, size, out);
                        continue;
                      }
                      for (int64_t i = 0; i < size; ++i) {
                        out[2 * i] = from[i] + sign * from[size + i];
                        out[2 * i + 1] = from[2 * size + i] + from[3 * size + i];
                      }
                    }
                  });
}

/// The real kernels of all pairs of parts. `sign`: of the imaginary ones that meet a target's
/// imaginary part; it is -1 where sources and targets change places.
template <class T>
std::unique_ptr<T[]> kernels_of_parts(const ConvShape& s, const void* weight, T sign) {
  const int64_t taps = volume(s.kernel), sources = s.C / s.groups;
  const T* numbers = static_cast<const T*>(weight);
  const bool own = has_own_channels(s);
  auto kernels = memory<T>(4 * s.O * sources * taps);
  parallel_ranges(s.O, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, sources * taps)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t o = begin; o < end; ++o)
                      for (int64_t c = 0; c < sources; ++c) {
                        const T* from = numbers + 2 * (o * sources + c) * taps;
                        T* to = kernels.get() + (own ? 4 * o : 4 * o * sources + 2 * c) * taps;
                        const int64_t odd =
                            (own ? 2 : 2 * sources) * taps;  // to the imaginary target's
                        for (int64_t k = 0; k < taps; ++k) {
                          const T re = from[2 * k], im = from[2 * k + 1];
                          to[k] = re;
                          to[taps + k] = own ? -im : -sign * im;
                          to[odd + k] = own ? im : sign * im;
                          to[odd + taps + k] = re;
                        }
                      }
                  });
  return kernels;
}

/// The bias of all planes: where four are summed to two, one of each two has none.
template <class T>
std::unique_ptr<T[]> bias_of_parts(const ConvShape& s, const void* bias, int64_t n) {
  if (!bias) return nullptr;
  const T* numbers = static_cast<const T*>(bias);
  auto parts = memory<T>((has_own_channels(s) ? 4 : 2) * n);
  for (int64_t i = 0; i < 2 * n; ++i) {
    if (!has_own_channels(s)) {
      parts[i] = numbers[i];
    } else {
      parts[2 * i] = numbers[i];
      parts[2 * i + 1] = T(0);
    }
  }
  return parts;
}

template <class Visit>
void with_part_type(const ConvShape& s, Visit&& visit) {
  s.dtype == DType::complex64 ? visit.template operator()<float>()
                              : visit.template operator()<double>();
}

}  // namespace

bool fits_parts(const ConvShape& s) {
  constexpr int64_t least_products = 2048;
  return (s.dtype == DType::complex64 || s.dtype == DType::complex128) &&
         s.N * s.O * volume(s.out) * (s.C / s.groups) * volume(s.kernel) >= least_products;
}

void parts_forward(const ConvShape& s, const void* input, const void* weight, const void* bias,
                   void* output) {
  const int64_t n_parts = has_own_channels(s) ? 4 : 2, size = volume(s.out);
  with_part_type(s, [&]<class T>() {
    auto apart = memory<T>(n_parts * s.N * s.O * size);
    conv_forward(shape_of_parts(s),
                 parts_of<T>(input, s.N * s.C, volume(s.in), n_parts, as_they_are).get(),
                 kernels_of_parts<T>(s, weight, T(1)).get(), bias_of_parts<T>(s, bias, s.O).get(),
                 false, apart.get());
    together<T>(apart.get(), s.N * s.O, size, n_parts, T(1), output);
  });
}

void parts_backward_input(const ConvShape& s, const void* grad_output, const void* weight,
                          const void* bias, void* grad_input) {
  const int64_t n_parts = has_own_channels(s) ? 4 : 2, size = volume(s.in);
  with_part_type(s, [&]<class T>() {
    auto apart = memory<T>(n_parts * s.N * s.C * size);
    conv_backward_input(
        shape_of_parts(s),
        parts_of<T>(grad_output, s.N * s.O, volume(s.out), n_parts, as_they_are).get(),
        kernels_of_parts<T>(s, weight, T(-1)).get(), bias_of_parts<T>(s, bias, s.C).get(),
        apart.get());
    together<T>(apart.get(), s.N * s.C, size, n_parts, T(1), grad_input);
  });
}

void parts_backward_weight(const ConvShape& s, const void* grad_output, const void* input,
                           void* grad_weight) {
  const bool own = has_own_channels(s);
  const int64_t n_parts = own ? 4 : 2, taps = volume(s.kernel), sources = s.C / s.groups;
  with_part_type(s, [&]<class T>() {
    auto sums = memory<T>(4 * s.O * sources * taps);
    conv_backward_weight(
        shape_of_parts(s),
        parts_of<T>(grad_output, s.N * s.O, volume(s.out), n_parts, for_products).get(),
        parts_of<T>(input, s.N * s.C, volume(s.in), n_parts, as_they_are).get(), sums.get());
    if (own) return together<T>(sums.get(), s.O, taps, n_parts, T(-1), grad_weight);
    T* to = static_cast<T*>(grad_weight);
    for (int64_t o = 0; o < s.O; ++o)
      for (int64_t c = 0; c < sources; ++c) {
        const T* of_real = sums.get() + (4 * o * sources + 2 * c) * taps;
        const T* of_imaginary = of_real + 2 * sources * taps;
        for (int64_t k = 0; k < taps; ++k) {
          *to++ = of_real[k] - of_imaginary[taps + k];
          *to++ = of_real[taps + k] + of_imaginary[k];
        }
      }
  });
}

}  // namespace flambeau

// Fourier transforms, and functions of numbers that no expression gives, of checked arguments and
// without history. Needs the GIL.
#pragma once
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau::raw {

/// `scale` times the transform of complex input over dims.
TensorRef fourier(Tensor& input, const std::vector<int64_t>& dims, double scale, bool inverse);
/// The first half of the coefficients of real input.
TensorRef fourier_real(Tensor& input, int64_t dim, double scale, bool inverse);
/// The real signal of `size` points.
TensorRef fourier_to_real(Tensor& input, int64_t dim, int64_t size, double scale, bool inverse);

// Operands are contiguous and of one shape and dtype, but cross takes any layout.

TensorRef gcd(Tensor& input, Tensor& other);
TensorRef lcm(Tensor& input, Tensor& other);
/// Of float32 or float64: the regularised incomplete gamma function.
TensorRef incomplete_gamma(Tensor& a, Tensor& x, bool upper);
/// Orthogonal polynomials (kernels/elements/polynomials.h) of input, float32 or float64 of any
/// layout, and degrees of its dtype and shape or 0-dim; where these are left out, of one degree.
TensorRef polynomial(Tensor& input, Tensor* degrees, double degree, int64_t kind);
/// Ai of contiguous float32 or float64.
TensorRef airy_ai(Tensor& input);
/// Of float64, from the counter-based numbers of (seed, draw).
TensorRef poisson(Tensor& rate, uint64_t seed, uint64_t draw);
TensorRef binomial(Tensor& count, Tensor& prob, uint64_t seed, uint64_t draw);
/// The vector products along dim, of tensors of one shape and dtype: float32, float64, complex,
/// int32, int64.
TensorRef cross(Tensor& input, Tensor& other, int64_t dim);
/// out, int64 (n,), becomes 0 ... n - 1 in a random order.
void random_order(Tensor& out, uint64_t seed, uint64_t draw);

inline constexpr std::tuple number_functions{
    declare<fourier>("_fourier", "input, dims, scale, inverse"),
    declare<fourier_real>("_fourier_real", "input, dim, scale, inverse"),
    declare<fourier_to_real>("_fourier_to_real", "input, dim, size, scale, inverse"),
    declare<cross>("_cross", "input, other, dim"),
    declare<gcd>("_gcd", "input, other"),
    declare<lcm>("_lcm", "input, other"),
    declare<incomplete_gamma>("_incomplete_gamma", "a, x, upper"),
    declare<polynomial>("_polynomial", "input, degrees, degree, kind"),
    declare<airy_ai>("_airy_ai", "input"),
    declare<poisson>("_poisson", "rate, seed, call"),
    declare<binomial>("_binomial", "count, prob, seed, call"),
    declare<random_order>("_random_order", "out, seed, call")};

}  // namespace flambeau::raw

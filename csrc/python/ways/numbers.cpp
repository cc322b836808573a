// Factorizations, Fourier transforms and functions of numbers without history: what
// flambeau/ops/linalg, fourier.py and counts.py declare derivatives for.
#include "dispatch/raw/numbers.h"
#include "dispatch/raw/matrices.h"
#include "python/bind.h"

namespace flambeau {

static const NativeEntry entries[] = {
    bind<raw::lu_factor>("_lu", "A"),
    bind<raw::solve>("_solve", "A, B"),
    bind<raw::solve_transposed>("_solve_transposed", "LU, pivots, B"),
    bind<raw::inverse>("_inverse", "A"),
    bind<raw::cholesky>("_cholesky", "A"),
    bind<raw::solve_triangular>("_solve_triangular", "A, B, upper, unitriangular"),
    bind<raw::determinant>("_det", "A"),
    bind<raw::sign_and_log_det>("_slogdet", "A"),
    bind<raw::qr>("_qr", "A, complete=False"),
    bind<raw::eigh>("_eigh", "A, upper, vectors=True"),
    bind<raw::eig>("_eig", "A, vectors"),
    bind<raw::svd>("_svd", "A, full, vectors=True"),
    bind<raw::least_squares>("_least_squares", "A, B, rcond"),

    bind<raw::fourier>("_fourier", "input, dims, scale, inverse"),
    bind<raw::fourier_real>("_fourier_real", "input, dim, scale, inverse"),
    bind<raw::fourier_to_real>("_fourier_to_real", "input, dim, size, scale, inverse"),

    bind<raw::cross>("_cross", "input, other, dim"),
    bind<raw::gcd>("_gcd", "input, other"),
    bind<raw::lcm>("_lcm", "input, other"),
    bind<raw::incomplete_gamma>("_incomplete_gamma", "a, x, upper"),
    bind<raw::poisson>("_poisson", "rate, seed, call"),
    bind<raw::binomial>("_binomial", "count, prob, seed, call"),
    bind<raw::random_order>("_random_order", "out, seed, call"),
    {}};
static const Functions functions(entries);

}  // namespace flambeau

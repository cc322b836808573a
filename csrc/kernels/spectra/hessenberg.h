// Eigenvalues of real matrices of Hessenberg form. Any thread, no GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// LAPACK's lanv2 as Fortran has it: a, b, c, d of a 2 x 2 matrix become its standard form, then
/// the parts of both values, and the rotation.
template <class T>
using StandardForm = void (*)(T*, T*, T*, T*, T*, T*, T*, T*, T*, T*);

/// H (n, n) by columns, 0 below its second diagonal and triangular outside rows and columns [begin,
/// end), becomes its Schur form, and Z (n, n), where it is not null, Z times the vectors; without Z
/// H is lost. real, imaginary (n): the eigenvalues' parts. Gives how many were not found. T: float,
/// double. Sources: Francis, "The QR transformation", Computer J. 4 (1961) 265; deflation by Ahues,
/// Tisseur, LAPACK Working Note 122 (1997).
template <class T>
int64_t hessenberg_eigen(int64_t n, int64_t begin, int64_t end, T* H, T* Z, T* real, T* imaginary,
                         StandardForm<T> standard_form);

}  // namespace flambeau

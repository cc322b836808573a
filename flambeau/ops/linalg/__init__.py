"""Linear algebra: products, factorizations, systems of equations, eigenvalues.

matmul.py, sums_with_products.py and einsum.py multiply; cholesky.py, orthogonal.py (QR), lu.py, ldl.py, systems.py,
spectra.py and singular.py go to LAPACK through lapack.py (arguments, errors) and the core; blas.py finds the library;
older_lapack.py has the names of PyTorch 0.1 to 0.4.
May import: what ops/ may, and ops/core.
"""

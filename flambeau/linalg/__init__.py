"""Linear algebra: torch.linalg. Operators made only of products and norms live in ops/; those that need LAPACK here.

Read: arrays.py, systems.py, factorize.py, spectrum.py. May import: ops, autograd, numpy inside functions.
"""

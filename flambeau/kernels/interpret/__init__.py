"""The slow engine: kernels computed by NumPy, node by node, as the language defines them.

pointwise.py computes maps, rows.py reductions and row functions. Tests compare the compiled kernels with it;
it shares with them only the graph and the rules of dtypes.
May import: the kernel language beside it; numpy.
"""

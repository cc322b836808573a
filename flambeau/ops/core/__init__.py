"""The machinery of declarations; no operator is declared here.

Read: declare.py (`@pointwise`, `@primitive`, `@composite`, and where their operators go), spec.py (what the core
asks of a pointwise one), kinds.py (what types
an argument may have), ways.py (native ways into them), operators.py (one operator calls another),
arguments.py (dimensions and dtypes), attach.py and no_derivative.py (results with odd gradients), results.py
(named tuples), operator_type.py (what operators show of themselves), autocast.py, signature.py.
May import: _core, types, kernels. Must not import: the families above it.
"""

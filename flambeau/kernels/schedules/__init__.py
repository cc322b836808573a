"""The loops around expressions: a schedule walks strided memory and writes one LLVM function.

Read: map.py (element by element; parts.py splits the long ones), reduce.py with sweep.py (over some dimensions
to one value; reductions.py are those that operators use), rows.py with row_language.py and row_plan.py (several
passes over one row; row_functions.py are those that operators use), scores.py (attention's scores, tile by tile).
May import: the kernel language beside it. See it: python -m flambeau.kernels "x / (1 + exp(-x))".
"""

"""torch.compile: a function's calls become a program of few kernels.

Read: wrapper.py (what stands behind the callables that users hold, csrc/python/ways/guards.cpp: keys, guards, programs), trace.py (one eager run, recorded
through the door), reductions.py (what its sums are for groups), state.py (Python values that the run may have read), groups.py (which operators become one
kernel), pointwise.py and fuse.py (the kernel's expression, and that of its derivative), program.py (the prepared
calls), foretell.py (what is compiled ahead), own.py (functions that no program
helps), held.py (whose machine code lives how long), report.py (what is told of breaks), api.py, stance.py; eager.py (kernels of fused eager mode).
See it: FLAMBEAU_LOG=compile, torch._dynamo.explain(function)(*arguments).

A traced call is an eager call: its results are right whatever is made of the trace. A program is used where all
that the trace depended on is as it was: structure, dtypes, ranks and layouts of arguments, modes, and every
Python value that the traced code could have read. Whatever cannot be followed leaves the function eager.
"""

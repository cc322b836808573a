"""Timings side by side with PyTorch: reported, never asserted.

    make bench                                  all of them
    python -m benchmarks pointwise lenet        some
    python -m benchmarks overhead --only relu   some rows

Each module has `cases(T)`, which yields (name, goal, function) for T = flambeau and for T = torch:
the same program for both. Read: harness.py, then any of them.
"""

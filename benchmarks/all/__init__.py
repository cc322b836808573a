"""Every family of operators beside PyTorch: python -m benchmarks all [--threads N] [--family NAME] [--match TEXT]

Read: case.py (what a row is), one of the families, measure.py, report.py. A family is a generator that gets a
library, flambeau or PyTorch, and a size; both run it in step, so their rows work on the same numbers.
"""

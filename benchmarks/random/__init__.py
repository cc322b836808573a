"""Random calls of public operators beside PyTorch's: what no row of a table has thought of.

`calls.py` says what a call is and which operands it may ask for; pointwise.py, reductions.py, moving.py and layers.py list
the operators; `report.py` draws, times and prints.
"""

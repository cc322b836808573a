"""NVIDIA's own libraries where their wheels are installed: cuBLASLt, cuDNN, cuSOLVER. Everything works without them.

open.py      finds a library and fills a table of its entry points, each with the types of its C interface
choice.py    which of two ways is faster here: measured when first asked for, kept on disk
cublaslt.py  products · cudnn.py  convolutions · cusolver.py  factorizations of large matrices

Their C interfaces are documented at docs.nvidia.com/cuda/cublas, .../deeplearning/cudnn, .../cuda/cusolver.
Tried with a stand-in that the tests compile, which checks what it is given and computes in the simulated device's
memory; never yet with NVIDIA's own.
"""

"""Where kernels run: cpu.py (machine code), process.py and serve.py (made in another process), ptx.py (text for the GPU driver),
elf.py (our linker).
"""

"""Where kernels run: cpu.py (machine code), ptx.py (text for the GPU driver), elf.py (our linker)."""

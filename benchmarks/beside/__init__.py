"""Training programs beside JAX, MLX and torch.compile: python -m benchmarks beside --help

report.py asks, worker.py runs one program of one library in a process of its own, batches.py has what the programs
are fed, in_jax.py and in_mlx.py have them as those libraries' users write them: the names, sizes, batches, losses and
optimizers of benchmarks/all/programs.py. Initial weights are other random numbers of the same distributions.
"""

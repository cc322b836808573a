"""torch._functorch: where libraries look for the parts of torch.func."""

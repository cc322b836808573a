"""torch._foreach_* over lists of float32 tensors, and the clipping of gradients."""

LISTS = ((60, 100), (1000, 64), (50, 10000))  # number of tensors, elements of each
EFFORT = {"rounds": 7, "block_s": 0.01}


def cases(T):
    for count, size in LISTS:
        x = [T.rand(size) + 0.5 for _ in range(count)]
        y = [T.rand(size) + 0.5 for _ in range(count)]
        z = [T.rand(size) + 0.5 for _ in range(count)]
        where = f"{count} of {size}"
        yield f"add {where}", 1.0, lambda x=x, y=y: T._foreach_add(x, y)
        yield f"add_ {where}", 1.0, lambda z=z, y=y: T._foreach_add_(z, y)
        yield f"mul_ number {where}", 1.0, lambda z=z: T._foreach_mul_(z, 1.0)
        yield f"sqrt {where}", 1.0, lambda x=x: T._foreach_sqrt(x)
        yield f"lerp_ {where}", 1.0, lambda z=z, y=y: T._foreach_lerp_(z, y, 0.5)
        yield f"addcdiv_ {where}", 1.0, lambda z=z, x=x, y=y: T._foreach_addcdiv_(z, x, y, 1e-9)
        yield f"norm {where}", 1.0, lambda x=x: T._foreach_norm(x)
        weights = [T.nn.Parameter(one) for one in x]
        for one in weights:
            one.grad = T.rand(size)
        yield f"clip_grad_norm_ {where}", 1.0, lambda w=weights: T.nn.utils.clip_grad_norm_(w, 1e9)

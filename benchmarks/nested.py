"""Jagged nested tensors: layers, attention, reductions, conversions, forwards and backwards."""

EFFORT = {"rounds": 5, "block_s": 0.02}


def cases(T):
    T.manual_seed(0)
    attention = T.nn.functional.scaled_dot_product_attention
    layer, norm = T.nn.Linear(64, 64), T.nn.LayerNorm(64)
    for count, longest in ((8, 16), (64, 128)):
        where = f"{count} of up to {longest}"
        parts = [T.randn(1 + 37 * i % longest, 64) for i in range(count)]
        make = lambda parts=parts: T.nested.nested_tensor(parts, layout=T.jagged)
        x = make()
        y = x * 2
        heads = x.unflatten(-1, (4, 16)).transpose(1, 2)
        values, offsets = x.values(), x.offsets()
        leaf = x.detach().clone().requires_grad_()

        def step(leaf=leaf):
            leaf.grad = layer.weight.grad = layer.bias.grad = None
            layer(norm(leaf)).relu().values().sum().backward()

        yield f"nested_tensor {where}", 1.0, make
        yield (
            f"from jagged {where}",
            1.0,
            lambda v=values, o=offsets: T.nested.nested_tensor_from_jagged(v, o),
        )
        yield f"unbind {where}", 1.0, lambda x=x: x.unbind()
        yield f"to_padded_tensor {where}", 1.0, lambda x=x: x.to_padded_tensor(0.0)
        yield f"x * 2 {where}", 1.0, lambda x=x: x * 2
        yield f"x + y {where}", 1.0, lambda x=x, y=y: x + y
        yield f"gelu {where}", 1.0, lambda x=x: T.nn.functional.gelu(x)
        yield f"linear {where}", 1.0, lambda x=x: layer(x)
        yield f"layer_norm {where}", 1.0, lambda x=x: norm(x)
        yield f"softmax {where}", 1.0, lambda x=x: T.softmax(x, -1)
        yield f"sum over sequences {where}", 1.0, lambda x=x: x.sum(1)
        yield f"mean over sequences {where}", 1.0, lambda x=x: x.mean(1)
        yield f"attention {where}", 1.0, lambda h=heads: attention(h, h, h)
        yield f"norm, linear, relu, backward {where}", 1.0, step

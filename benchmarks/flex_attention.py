"""flex_attention: masks and changes of scores, beside PyTorch's as it is called and compiled (where that works)."""

import importlib
import warnings

from .harness import compare, import_pytorch

KINDS = ("plain", "causal", "window", "documents", "slopes", "soft cap", "relative")
SIZES = ((1, 8, 1024, 64), (2, 4, 257, 64), (1, 2, 64, 32))
EFFORT = {"rounds": 3, "block_s": 0.02}


def functions(T, kind, batch, heads, length):
    """(score_mod, mask_mod) of a kind."""
    T.manual_seed(0)
    if kind == "causal":
        return None, lambda b, h, q, k: q >= k
    if kind == "window":
        return None, lambda b, h, q, k: (q >= k) & (q - k < 128)
    if kind == "documents":
        documents = (T.arange(length) // 150).expand(batch, length).contiguous()
        return None, lambda b, h, q, k: documents[b, q] == documents[b, k]
    if kind == "slopes":
        slopes = T.rand(heads)
        return lambda s, b, h, q, k: s + slopes[h] * (k - q), lambda b, h, q, k: q >= k
    if kind == "soft cap":
        return lambda s, b, h, q, k: 20 * T.tanh(s / 20), None
    if kind == "relative":
        table = T.randn(heads, 2 * length)
        return lambda s, b, h, q, k: s + table[h, q - k + length], None
    return None, None


def prepared(T, module, kind, sizes, attention=None, backward=False):
    """A call of flex_attention, and its gradients where `backward`."""
    batch, heads, length, width = sizes
    score_mod, mask_mod = functions(T, kind, batch, heads, length)
    q, k, v = (T.randn(batch, heads, length, width, requires_grad=backward) for _ in range(3))
    mask = mask_mod and module.create_block_mask(
        mask_mod, batch, None, length, length, device="cpu"
    )
    attention = attention or module.flex_attention
    if not backward:
        return lambda: attention(q, k, v, score_mod, mask)
    slope = T.randn(batch, heads, length, width)
    return lambda: T.autograd.grad(attention(q, k, v, score_mod, mask), (q, k, v), slope)


def compiled(T, kind, sizes):
    """PyTorch's call, compiled; None where that fails."""
    module = importlib.import_module("torch.nn.attention.flex_attention")
    T.compiler.reset()
    call = prepared(T, module, kind, sizes, T.compile(module.flex_attention))
    try:
        call()
    except Exception:  # whatever its compiler says
        return None
    return call


def rows():
    """Each kind as PyTorch calls it (its gradients exist on GPUs alone), and the largest beside its compiled one."""
    import flambeau

    warnings.filterwarnings("ignore")
    pytorch = import_pytorch()
    ours = importlib.import_module("flambeau.nn.attention.flex_attention")
    theirs = pytorch and importlib.import_module("torch.nn.attention.flex_attention")
    for sizes in SIZES:
        where = "x".join(map(str, sizes))
        for kind in KINDS:
            call = prepared(flambeau, ours, kind, sizes)
            other = pytorch and prepared(pytorch, theirs, kind, sizes)
            yield compare(f"{kind} {where}", 2.0, call, other, **EFFORT)
            both = prepared(flambeau, ours, kind, sizes, backward=True)
            yield compare(f"{kind} {where}, with gradients", None, both, **EFFORT)
    for kind in KINDS if pytorch else ():
        call = prepared(flambeau, ours, kind, SIZES[0])
        yield compare(
            f"{kind}, beside compiled", 1.0, call, compiled(pytorch, kind, SIZES[0]), **EFFORT
        )

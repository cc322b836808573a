"""Gradients that travel together: what DistributedDataParallel sends, and what its hooks are given."""

import flambeau

__all__ = ["Bucket", "GradBucket", "in_buckets"]


class Bucket:
    """Parameters of one dtype, and one tensor for all their gradients.

    Attributes:
        parts (list of Tensor): of `flat`, one for each parameter, of its shape.
        missing (set): ids of the parameters whose gradient of this backward has not come yet.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        sizes = [p.numel() for p in parameters]
        self.flat = flambeau.zeros(sum(sizes), dtype=parameters[0].dtype)
        self.parts = [
            part.view(p.shape) for part, p in zip(self.flat.split(sizes), parameters, strict=True)
        ]
        self.part_of = {id(p): part for p, part in zip(parameters, self.parts, strict=True)}
        self.missing, self.work = set(), None

    def take(self, parameter):
        """The parameter's gradient goes into its place, unless it is there."""
        part, grad = self.part_of[id(parameter)], parameter.grad
        if grad is None:
            part.zero_()
        elif grad.data_ptr() != part.data_ptr():
            part.copy_(grad.detach())

    def give(self, parameter, as_view):
        """The parameter's gradient becomes what stands in its place: that place itself, or a copy."""
        part, grad = self.part_of[id(parameter)], parameter.grad
        if grad is not None and grad.data_ptr() == part.data_ptr():
            return
        if as_view:
            parameter.grad = part
        elif grad is None:
            parameter.grad = part.clone()
        else:
            grad.detach().copy_(part)


def in_buckets(parameters, most_bytes, first_bytes=1 << 20):
    """From the last parameter to the first: the order in which gradients come. One dtype a bucket; a small one first."""
    buckets, current, used = [], [], 0
    for p in reversed(parameters):
        size = p.numel() * p.element_size()
        most = min(first_bytes, most_bytes) if not buckets else most_bytes
        if current and (used + size > most or p.dtype != current[0].dtype):
            buckets.append(Bucket(current))
            current, used = [], 0
        current.append(p)
        used += size
    return [*buckets, Bucket(current)]


class GradBucket:
    """What a communication hook is given."""

    def __init__(self, index, bucket, last):
        self._index, self._bucket, self._last = index, bucket, last
        self._buffer = bucket.flat

    def index(self):
        """The bucket's number."""
        return self._index

    def buffer(self):
        """Its gradients, one after the other."""
        return self._buffer

    def parameters(self):
        """Its parameters."""
        return list(self._bucket.parameters)

    def gradients(self):
        """Its gradients, each of its shape."""
        parts = self._buffer.split([p.numel() for p in self._bucket.parameters])
        return [part.view(p.shape) for part, p in zip(parts, self._bucket.parameters, strict=True)]

    def set_buffer(self, buffer):
        """Another tensor in the place of buffer()."""
        self._buffer = buffer

    def is_last(self):
        """Whether it is the last of this backward."""
        return self._last

"""What a step of a pipe is, and how its functional name becomes a method."""

from ..dataset import Dataset, IterableDataset


class _Named:
    """Methods by functional name: pipe.map(f) is Mapper(pipe, f)."""

    @classmethod
    def register_datapipe_as_function(
        cls, function_name, cls_to_register, enable_df_api_tracing=False
    ):
        """Make a class a method of all pipes of this kind, under a name that is free."""
        if enable_df_api_tracing:
            raise NotImplementedError(
                "functional_datapipe: enable_df_api_tracing=True: data frames are not traced."
            )
        if function_name in cls.functions:
            raise Exception(
                f"functional_datapipe: the name {function_name!r} is {cls.functions[function_name].__name__}'s already."
            )
        cls.functions[function_name] = cls_to_register

    def __getattr__(self, name):
        kind = type(self).functions.get(name)
        if kind is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def step(*args, **kwargs):
            return kind(self, *args, **kwargs)

        step.__name__, step.__doc__ = name, kind.__doc__
        return step

    def __repr__(self):
        return type(self).__qualname__


class IterDataPipe(_Named, IterableDataset):
    """A step that gives samples in a stream: subclasses define __iter__."""

    functions = {}

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


class MapDataPipe(_Named, Dataset):
    """A step that gives samples by index: subclasses define __getitem__ and __len__."""

    functions = {}

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


class DFIterDataPipe(IterDataPipe):
    """A step over data frames. A name only: no step here makes them."""


class functional_datapipe:
    """Decorator: makes a class of pipes a method of pipes of its kind.

    Args:
        name (str): of the method.
    """

    def __init__(self, name, enable_df_api_tracing=False):
        self.name = name
        self.enable_df_api_tracing = enable_df_api_tracing

    def __call__(self, cls):
        if not (isinstance(cls, type) and issubclass(cls, (IterDataPipe, MapDataPipe))):
            raise TypeError(f"functional_datapipe: decorates classes of pipes, not {cls!r}.")
        kind = IterDataPipe if issubclass(cls, IterDataPipe) else MapDataPipe
        kind.register_datapipe_as_function(self.name, cls, self.enable_df_api_tracing)
        return cls


class DataChunk(list):
    """A batch of samples, still a list."""

    def __init__(self, items):
        super().__init__(items)
        self.items = items

    def raw_iterator(self):
        """The samples."""
        yield from self.items

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
    """A step that gives samples in a stream: subclasses define __iter__.

    Example:
        >>> from flambeau.utils.data import IterDataPipe
        >>> class Count(IterDataPipe):
        ...     def __iter__(self):
        ...         return iter(range(4))
        >>> list(Count().map(lambda x: x * 10).batch(2))
        [[0, 10], [20, 30]]
    """

    functions = {}

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


class MapDataPipe(_Named, Dataset):
    """A step that gives samples by index: subclasses define __getitem__ and __len__.

    Example:
        >>> from flambeau.utils.data import MapDataPipe
        >>> class Squares(MapDataPipe):
        ...     def __getitem__(self, index):
        ...         return index**2
        ...
        ...     def __len__(self):
        ...         return 3
        >>> Squares().map(lambda x: -x)[2]
        -4
    """

    functions = {}

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


class DFIterDataPipe(IterDataPipe):
    """A step over data frames. A name only: no step here makes them.

    Example:
        >>> from flambeau.utils.data import DFIterDataPipe, IterDataPipe
        >>> issubclass(DFIterDataPipe, IterDataPipe)
        True
    """


class functional_datapipe:
    """Decorator: makes a class of pipes a method of pipes of its kind.

    Args:
        name (str): of the method.

    Example:
        >>> from flambeau.utils.data import IterDataPipe, functional_datapipe
        >>> @functional_datapipe("twice_each")
        ... class Twice(IterDataPipe):
        ...     def __init__(self, source):
        ...         self.source = source
        ...
        ...     def __iter__(self):
        ...         return (sample for sample in self.source for _ in range(2))
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper("ab").twice_each())
        ['a', 'a', 'b', 'b']
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
    """A batch of samples, still a list.

    Example:
        >>> from flambeau.utils.data import DataChunk
        >>> chunk = DataChunk([1, 2])
        >>> chunk, isinstance(chunk, list)
        ([1, 2], True)
    """

    def __init__(self, items):
        super().__init__(items)
        self.items = items

    def raw_iterator(self):
        """The samples."""
        yield from self.items


class Batches:
    """What batches are made of, and how."""

    def __init__(self, datapipe, batch_size, drop_last=False, wrapper_class=DataChunk):
        if batch_size <= 0:
            raise AssertionError(f"Batcher: batch_size is {batch_size}; it must be 1 or more.")
        self.datapipe, self.batch_size = datapipe, batch_size
        self.drop_last, self.wrapper_class = drop_last, wrapper_class


class Several:
    """The pipes that a step takes together."""

    def __init__(self, *datapipes):
        if not datapipes:
            raise ValueError(f"{type(self).__name__}: needs one pipe or more.")
        self.datapipes = datapipes

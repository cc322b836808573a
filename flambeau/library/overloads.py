"""torch.ops.NAMESPACE.NAME of operators of one's own: one name, an operator for each of its overloads."""

from .._ops import OpOverloadPacket, namespace

__all__ = ["packet_of"]


def packet_of(space, name):
    """What torch.ops.SPACE.NAME is, made where it is not there."""
    places = vars(namespace(space))
    if not isinstance(places.get(name), _Packet):
        places[name] = _Packet(space, name)
    return places[name]


class _Packet(OpOverloadPacket):
    """An operator whose overloads are defined one by one; a call takes the first that its arguments fit."""

    def __init__(self, space, name):
        self._definitions = {}  # name of the overload -> CustomOpDef, in the order of their definition
        super().__init__(space, name, self._call, overloads=())

    def put(self, definition):
        """Adds an overload, or takes the place of the one of that name; gives the OpOverload."""
        overload = definition._overload
        self._definitions[overload] = definition
        return self._changed(overload)

    def drop(self, definition):
        """The overload is no more; with the last the name goes."""
        self._definitions.pop(definition._overload, None)
        self._changed(definition._overload)
        if not self._definitions:
            vars(namespace(self.namespace)).pop(self.__name__, None)

    def _changed(self, overload):
        self._overload_names = tuple(self._definitions)
        vars(self).pop(overload, None)
        return getattr(self, overload, None)

    def _operator_of(self, overload):
        return self._definitions[overload]._operator

    def _call(self, /, *args, **kwargs):
        definitions = self._definitions.values()
        if len(definitions) == 1:
            (only,) = definitions
            return only._opoverload(*args, **kwargs)
        reasons = []
        for definition in definitions:
            try:
                definition._signature.bind(*args, **kwargs)
                definition._types.converted(args, kwargs)
            except (TypeError, RuntimeError) as error:
                reasons.append(f"{definition._overload}{definition.schema}: {error}")
            else:
                return definition._opoverload(*args, **kwargs)
        raise RuntimeError(
            f"torch.ops.{self}: no overload takes these arguments. " + "; ".join(reasons)
        )

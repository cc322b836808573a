"""Names of PyTorch that programs import, and that are not offered: calling them says so."""

__all__ = ["refused"]


def refused(module, names, instead):
    """{name: a class that raises NotImplementedError when it is called}."""

    def make(name):
        def __new__(cls, *args, **kwargs):
            raise NotImplementedError(f"{module}.{name}: not offered. {instead}")

        return type(name, (), {"__new__": __new__, "__doc__": f"Not offered. {instead}", "__module__": f"flambeau.{module}"})  # fmt: skip

    return {name: make(name) for name in names.split()}

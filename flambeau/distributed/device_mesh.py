"""DeviceMesh: the processes in rows and columns, with a group for each row and column."""

import math
from operator import attrgetter

import flambeau

from . import groups

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Ranks in an array of one or more dimensions; all processes make it together.

    Args:
        device_type (str): "cpu".
        mesh (Tensor or nested list): ranks.
        mesh_dim_names (tuple of str, optional): names of the dimensions.

    Attributes:
        mesh (Tensor): the ranks. mesh_dim_names (tuple of str or None).
    """

    def __init__(self, device_type, mesh=None, *, mesh_dim_names=None, backend_override=None,
                 _init_backend=True):  # fmt: skip
        if backend_override is not None:
            raise NotImplementedError("DeviceMesh: backend_override is not offered.")
        if flambeau.device(device_type).type != "cpu":
            raise ValueError(
                f"DeviceMesh: device_type is {device_type!r}, and processes compute on CPUs here."
            )
        if _init_backend and not groups.is_initialized():
            groups.init_process_group()
        if mesh is None:
            mesh = list(range(groups.get_world_size()))
        self.device_type = device_type
        self.mesh = flambeau.as_tensor(mesh, dtype=flambeau.int64).detach().clone()
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh_dim_names is not None and len(self.mesh_dim_names) != self.mesh.ndim:
            raise RuntimeError(
                f"DeviceMesh: {len(self.mesh_dim_names)} names {self.mesh_dim_names} for {self.mesh.ndim} dimensions."
            )
        flat = self.mesh.flatten().tolist()
        if len(set(flat)) < len(flat):
            raise RuntimeError(f"DeviceMesh: a rank stands twice in {self.mesh.tolist()}.")
        self._groups = self._make_groups() if _init_backend else []
        found = (self.mesh == groups.get_rank()).nonzero().tolist() if _init_backend else []
        self._coordinate = found[0] if found else None

    def _make_groups(self):
        """This process's group along each dimension; all processes make all of them."""
        world = list(range(groups.get_world_size()))
        if self.mesh.ndim == 1 and self.mesh.tolist() == world:
            return [groups.group.WORLD]
        found = []
        for dim in range(self.mesh.ndim):
            lines = self.mesh.movedim(dim, -1).reshape(-1, self.mesh.shape[dim]).tolist()
            mine, _ = groups.new_subgroups_by_enumeration(lines)
            found.append(mine)
        return found

    ndim = property(attrgetter("mesh.ndim"), doc="How many dimensions there are.")

    @property
    def shape(self):
        """How many processes along each dimension."""
        return tuple(self.mesh.shape)

    def size(self, mesh_dim=None):
        """How many processes there are, or along a dimension."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.shape[self._dim(mesh_dim)]

    def _dim(self, mesh_dim):
        if isinstance(mesh_dim, str):
            if self.mesh_dim_names is None or mesh_dim not in self.mesh_dim_names:
                raise KeyError(
                    f"DeviceMesh: no dimension is named {mesh_dim!r}; there are {self.mesh_dim_names}."
                )
            return self.mesh_dim_names.index(mesh_dim)
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"DeviceMesh: {self.ndim} dimensions: mesh_dim says which one is meant."
                )
            return 0
        return mesh_dim

    def get_group(self, mesh_dim=None):
        """This process's group along a dimension."""
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self):
        """This process's groups along all dimensions."""
        return list(self._groups)

    def get_rank(self):
        """This process's rank among all."""
        return groups.get_rank()

    def get_local_rank(self, mesh_dim=None):
        """This process's place along a dimension."""
        dim = self._dim(mesh_dim)
        return -1 if self._coordinate is None else self._coordinate[dim]

    def get_coordinate(self):
        """This process's place along each dimension; None outside of the mesh."""
        return None if self._coordinate is None else list(self._coordinate)

    def __getitem__(self, names):
        """The part of the mesh along the named dimensions that this process is in."""
        names = (names,) if isinstance(names, str) else tuple(names)
        dims = [self._dim(name) for name in names]
        if dims == list(range(self.ndim)):
            return self
        if self._coordinate is None:
            raise RuntimeError("DeviceMesh: this process is outside of the mesh.")
        place = tuple(slice(None) if dim in dims else at for dim, at in enumerate(self._coordinate))
        part = DeviceMesh.__new__(DeviceMesh)
        part.device_type, part.mesh_dim_names = self.device_type, names
        part.mesh = self.mesh[place]
        if dims != sorted(dims):
            part.mesh = part.mesh.permute([sorted(dims).index(dim) for dim in dims])
        part._groups = [self._groups[dim] for dim in dims]
        part._coordinate = [self._coordinate[dim] for dim in dims]
        return part

    @property
    def rest(self):
        """The mesh of the dimensions behind the first that this process is in; None of a mesh of one."""
        if self.ndim == 1:
            return None
        if "_rest" not in self.__dict__:
            if self._coordinate is None:
                raise RuntimeError("DeviceMesh: this process is outside of the mesh.")
            part = self._rest = DeviceMesh.__new__(DeviceMesh)
            part.device_type, names = self.device_type, self.mesh_dim_names
            part.mesh_dim_names = names and names[1:]
            part.mesh = self.mesh[self._coordinate[0]]
            part._groups, part._coordinate = self._groups[1:], self._coordinate[1:]
        return self._rest

    @staticmethod
    def from_group(group, device_type, mesh=None, *, mesh_dim_names=None):
        """A mesh of one dimension: the processes of a group."""
        if isinstance(group, (list, tuple)):
            if len(group) > 1:
                raise NotImplementedError("DeviceMesh.from_group: one group, for one dimension.")
            group = group[0]
        made = DeviceMesh(device_type, group.ranks, mesh_dim_names=mesh_dim_names, _init_backend=False)  # fmt: skip
        made._groups, made._coordinate = [group], [group.rank()]
        return made

    def __eq__(self, other):
        return (
            isinstance(other, DeviceMesh)
            and self.mesh.tolist() == other.mesh.tolist()
            and self.mesh_dim_names == other.mesh_dim_names
        )

    def __hash__(self):
        return hash((tuple(self.mesh.flatten().tolist()), self.shape, self.mesh_dim_names))

    def __repr__(self):
        names = "" if self.mesh_dim_names is None else f", mesh_dim_names={self.mesh_dim_names}"
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}{names})"


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, backend_override=None):
    """A DeviceMesh of that shape of the first ranks, in order.

    Example:
        >>> import flambeau.distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> dist.init_device_mesh("cpu", (1,), mesh_dim_names=("dp",))
        DeviceMesh('cpu', [0], mesh_dim_names=('dp',))
        >>> dist.destroy_process_group()
    """
    if not groups.is_initialized():
        groups.init_process_group()
    mesh_shape = tuple(mesh_shape)
    if math.prod(mesh_shape) > groups.get_world_size():
        raise RuntimeError(
            f"init_device_mesh: {mesh_shape} needs {math.prod(mesh_shape)} processes; there are "
            f"{groups.get_world_size()}."
        )
    if mesh_dim_names is not None and len(mesh_dim_names) != len(mesh_shape):
        raise RuntimeError(
            f"init_device_mesh: {len(mesh_dim_names)} names for {len(mesh_shape)} dimensions."
        )
    ranks = flambeau.arange(math.prod(mesh_shape)).view(mesh_shape)
    return DeviceMesh(
        device_type, ranks, mesh_dim_names=mesh_dim_names, backend_override=backend_override
    )

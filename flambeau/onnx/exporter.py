"""onnx.export."""

import contextlib
import threading

import flambeau

from .. import _core
from ..export.capture import SpecializationError, capture
from ..export.dims import dynamic_dims
from ..export.recorder import name_of, short_name
from ..utils import _pytree as pytree
from .builder import onnx_package
from .convert import convert
from .errors import CheckerError, OnnxExporterError
from .program import ONNXProgram, save
from .rules import load
from .symbolic import custom_rules

__all__ = ["DEFAULT_OPSET", "LATEST_OPSET", "OLDEST_OPSET", "export", "is_in_onnx_export"]

DEFAULT_OPSET, OLDEST_OPSET, LATEST_OPSET = 18, 17, 23
_local = threading.local()


def is_in_onnx_export():
    """Whether this thread is inside onnx.export."""
    return getattr(_local, "exporting", False)


@contextlib.contextmanager
def _exporting():
    before = is_in_onnx_export()
    _local.exporting = True
    try:
        yield
    finally:
        _local.exporting = before


def _offered_opset(version, dynamo):
    """The version that is written where `version` is asked for: of the older exporter an old one is raised."""
    opset = DEFAULT_OPSET if version is None else version
    if opset > LATEST_OPSET:
        raise ValueError(f"onnx.export: opset_version {opset} is newer than {LATEST_OPSET}.")
    if opset >= OLDEST_OPSET:
        return opset
    if dynamo or opset < 7:
        raise ValueError(f"onnx.export: opset_version {opset} is older than {OLDEST_OPSET}.")
    _core._warn(
        f"onnx.export: opset_version {opset} is older than {OLDEST_OPSET}; {OLDEST_OPSET} is written."
    )
    return OLDEST_OPSET


def export(
    model, args=(), f=None, *, kwargs=None, verbose=None, input_names=None, output_names=None,
    opset_version=None, dynamo=True, external_data=True, dynamic_shapes=None,
    custom_translation_table=None, report=False, optimize=True, verify=False, profile=False,
    dump_exported_program=False, artifacts_dir=".", fallback=False, export_params=True,
    keep_initializers_as_inputs=False, dynamic_axes=None, training=None, operator_export_type=None,
    do_constant_folding=True, custom_opsets=None, export_modules_as_functions=False,
    autograd_inlining=True,
):  # fmt: skip
    """Write a model as ONNX.

    The model is run once with the example, under a recorder; with dynamic sizes a second time with other sizes, to
    see that nothing in it is fixed by the example.

    Args:
        model (Module or callable, or ExportedProgram): it is put into evaluation mode for the export, unless
            `training` says otherwise.
        args (tuple or Tensor): the example; a dict at its end is the keyword arguments.
        f (path or file object, optional): where the model is written.
        kwargs (dict): keyword arguments.
        input_names, output_names (list of str): of the first inputs and outputs, in order.
        opset_version (int): 17 to 23; 18 by default.
        dynamo (bool): whether the result is an ONNXProgram; if False it is None, as of the older exporter.
        dynamic_axes (dict): input's or output's name -> dims that may change, as {dim: name} or a list.
        dynamic_shapes (dict or tuple): the same as torch.export takes it: for each argument {dim: Dim or name}.
        export_params (bool): whether weights are written; if False they are inputs.
        do_constant_folding (bool): what depends on no input is computed here; False leaves it to the runtime.
        training (TrainingMode or bool): EVAL, PRESERVE or TRAINING.
        custom_opsets (dict): domain -> version, of operators registered with register_custom_op_symbolic.
        custom_translation_table (dict): operator -> rule(g, *args).
        external_data (bool): with a path, whether weights of models of 2 GB or more go beside it.
        verify (bool): whether the model's outputs are compared with onnxruntime's.
        verbose (bool): whether the graph is printed.

    Returns:
        ONNXProgram, or None if dynamo=False.

    Raises:
        UnsupportedOperatorError: an operator cannot be written; named with its source line.
        OnnxExporterError: a dynamic size is used as a number.
        NotImplementedError: an argument that is not offered.
        ImportError: onnx is not installed.
    """
    onnx_package()
    refused = {
        "report": report, "profile": profile, "dump_exported_program": dump_exported_program,
        "keep_initializers_as_inputs": keep_initializers_as_inputs,
        "export_modules_as_functions": export_modules_as_functions, "fallback": fallback,
    }  # fmt: skip
    for name, value in refused.items():
        if value:
            raise NotImplementedError(f"onnx.export: {name}={value!r} is not offered.")
    if operator_export_type not in (None, 0):
        raise NotImplementedError(
            "onnx.export: operator_export_type other than ONNX is not offered."
        )
    if not dynamo and f is None:
        raise TypeError("onnx.export: f is missing; with dynamo=False the model is only written.")
    opset = _offered_opset(opset_version, dynamo)
    program, args, kwargs, mode = _program(model, args, kwargs, training)
    leaves = pytree.tree_leaves((args, kwargs))
    tensors = [place for place, leaf in enumerate(leaves) if isinstance(leaf, flambeau.Tensor)]
    names = _input_names(program, args, kwargs, leaves, tensors, input_names)
    dynamic, axis_names = _dynamic(
        program, args, kwargs, names, dynamic_axes, dynamic_shapes, output_names
    )
    custom = custom_rules(opset, custom_translation_table)
    rules = load()

    def leaf(function):
        return (
            short_name(function) in rules
            or name_of(function) in custom
            or short_name(function) in custom
        )

    try:
        with _exporting(), mode:
            captured = capture(
                program, args, kwargs, names=names, dynamic=dynamic, leaf=leaf, reads=_warn_of_read,
                keep_parameters=not (do_constant_folding and export_params),
            )  # fmt: skip
    except SpecializationError as error:
        raise OnnxExporterError(str(error).replace("export:", "onnx.export:", 1)) from error
    written = convert(
        captured, opset=opset, input_names=[names[p] for p in tensors], output_names=output_names,
        axis_names=axis_names, custom=custom, export_params=export_params, custom_opsets=custom_opsets,
    )  # fmt: skip
    onnx = onnx_package()
    try:
        if written.ByteSize() < 2**31 - 2**20:
            onnx.checker.check_model(written)
    except onnx.checker.ValidationError as error:
        raise CheckerError(
            f"onnx.export: the model that was written is not valid: {error}"
        ) from error
    if verbose:
        print(onnx.printer.to_text(written))
    made = ONNXProgram(
        written, model if hasattr(model, "graph_signature") else None, captured.out_spec
    )
    if verify:
        _verify(made, program, args, kwargs, mode)
    if f is not None:
        save(written, f, None if external_data else False)
    return made if dynamo else None


def _program(model, args, kwargs, training):
    """(what is run, args, kwargs, a context that has it in the right mode)."""
    exported = hasattr(model, "graph_signature")  # its mode is part of it
    if exported:
        if not args and not kwargs:
            args, kwargs = model.example_inputs
        model = model.module()
    if isinstance(args, (flambeau.Tensor, int, float, bool)):
        args = (args,)
    args, kwargs = tuple(args), dict(kwargs or {})
    if args and isinstance(args[-1], dict) and not kwargs and not _takes_dict(model, args):
        args, kwargs = args[:-1], args[-1]
    named = getattr(training, "name", None)  # of a TrainingMode
    wanted = None if exported or named == "PRESERVE" else training is True or named == "TRAINING"
    return model, args, kwargs, _mode(model, wanted)


def _takes_dict(model, args):
    """Whether the dict at the end of args is itself an argument of the model."""
    import inspect

    try:
        names = inspect.signature(getattr(model, "forward", model)).parameters
    except (TypeError, ValueError):
        return False
    return len(args) <= len(names) and not set(args[-1]) <= set(names)


@contextlib.contextmanager
def _mode(model, training):
    if not isinstance(model, flambeau.nn.Module) or training is None:
        yield
        return
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, state in before:
            module.training = state


def _warn_of_read(name, source):
    _core._warn(
        f"onnx.export: {name} at {source} reads a number from a tensor; the model will always use this example's.",
        flambeau.jit.TracerWarning,
    )


def _input_names(program, args, kwargs, leaves, tensors, input_names):
    """A name for each leaf."""
    from ..export.capture import _names

    names = _names(program, args, kwargs)
    if input_names:
        for place, name in zip(tensors, input_names):
            names[place] = name
        extra = list(input_names)[len(tensors) :]
        if extra and not isinstance(program, flambeau.nn.Module):
            raise RuntimeError(
                f"onnx.export: input_names has {len(extra)} names more than there are inputs."
            )
    return names


def _dynamic(program, args, kwargs, names, dynamic_axes, dynamic_shapes, output_names):
    """({place of a leaf: {dim: bounds}}, {name: {dim: name of the dim}})."""
    dynamic, axis_names = {}, {}
    if dynamic_shapes is not None:
        if dynamic_axes is not None:
            raise ValueError("onnx.export: give dynamic_shapes or dynamic_axes, not both.")
        for place, dims in dynamic_dims(program, args, kwargs, dynamic_shapes).items():
            dynamic[place] = {dim: (d.min, d.max) for dim, d in dims.items()}
            axis_names[names[place]] = {dim: d.__name__ for dim, d in dims.items()}
    for name, axes in (dynamic_axes or {}).items():
        known = (
            axes
            if isinstance(axes, dict)
            else {d: f"{name}_dynamic_axes_{i}" for i, d in enumerate(axes, 1)}
        )
        if name in names:
            place = names.index(name)
            rank = pytree.tree_leaves((args, kwargs))[place].dim()
            known = {d % rank: str(n) for d, n in known.items()}
            dynamic[place] = {d: (1, None) for d in known}
        elif name not in (output_names or ()):
            _core._warn(f"onnx.export: dynamic_axes names {name!r}, which is no input or output.")
        axis_names[name] = {d: str(n) for d, n in known.items()}
    return dynamic, axis_names


def _verify(made, program, args, kwargs, mode):
    with flambeau.no_grad():
        wanted = [
            v
            for v in pytree.tree_leaves(program(*args, **kwargs))
            if isinstance(v, flambeau.Tensor)
        ]
    for place, (one, two) in enumerate(zip(made(*args, **kwargs), wanted)):
        if not flambeau.allclose(one, two, rtol=1e-3, atol=1e-4, equal_nan=True):
            worst = (one - two).abs().max().item()
            raise OnnxExporterError(
                f"onnx.export: output {place} is {worst:.3g} off in onnxruntime."
            )

"""ONNXProgram: an exported model."""

import os
from operator import attrgetter

import flambeau

from ..utils import _pytree as pytree
from .builder import onnx_package

__all__ = ["ONNXProgram"]


class ONNXProgram:
    """A model in ONNX, as export() gives it.

    Attributes:
        model_proto (onnx.ModelProto): the model.
        exported_program: the ExportedProgram it was made of, or None.

    Calling it runs it with onnxruntime, on tensors.
    """

    def __init__(self, model_proto, exported_program=None, out_spec=None):
        self.model_proto, self.exported_program, self._out_spec = (
            model_proto,
            exported_program,
            out_spec,
        )
        self._session = None

    model = property(attrgetter("model_proto"), doc="The model (an onnx.ModelProto).")

    def save(
        self, destination, *, include_initializers=True, keep_initializers_as_inputs=False,
        external_data=None,
    ):  # fmt: skip
        """Writes the model to a path or a file object.

        Args:
            external_data (bool): whether weights go to a file of their own, `destination` + ".data"; by default if
                the model has 2 GB or more, which one file of protobuf cannot hold.

        Raises NotImplementedError for include_initializers=False and keep_initializers_as_inputs=True.
        """
        if not include_initializers or keep_initializers_as_inputs:
            raise NotImplementedError(
                "ONNXProgram.save: include_initializers=False and keep_initializers_as_inputs=True are not offered."
            )
        save(self.model_proto, destination, external_data)

    def optimize(self):
        """Nothing: the model is written without what a simplifier would remove, and runtimes fuse by themselves."""

    def initialize_inference_session(self, initializer=None):
        """Prepares onnxruntime; calling the program does it by itself."""
        try:
            import onnxruntime
        except ImportError:
            raise ImportError(
                "ONNXProgram: running a model needs onnxruntime, which is not installed. Run: pip install onnxruntime."
            ) from None
        data = self.model_proto.SerializeToString()
        if initializer is not None:
            self._session = initializer(data)
        else:
            self._session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def __call__(self, *args, **kwargs):
        if self._session is None:
            self.initialize_inference_session()
        leaves = [v for v in pytree.tree_leaves((args, kwargs)) if isinstance(v, flambeau.Tensor)]
        names = [i.name for i in self._session.get_inputs()]
        if len(leaves) != len(names):
            raise ValueError(
                f"ONNXProgram: takes {len(names)} tensors ({', '.join(names)}), but got {len(leaves)}."
            )
        feeds = {name: value.detach().numpy() for name, value in zip(names, leaves)}
        results = [flambeau.from_numpy(r) if hasattr(r, "shape") and r.shape else flambeau.tensor(r)
                   for r in self._session.run(None, feeds)]  # fmt: skip
        return results

    def release(self):
        """Lets go of the prepared runtime."""
        self._session = None

    def __repr__(self):
        graph = self.model_proto.graph
        inputs, outputs = ([v.name for v in part] for part in (graph.input, graph.output))
        return f"ONNXProgram({len(graph.node)} nodes, inputs {inputs}, outputs {outputs})"


def save(model, destination, external_data=None):
    """Writes an onnx.ModelProto to a path or a file object."""
    onnx = onnx_package()
    large = model.ByteSize() >= 2**31 - 2**20
    external_data = large if external_data is None else external_data
    if hasattr(destination, "write"):
        if external_data:
            raise ValueError("onnx: weights in a file of their own need a path, not a file object.")
        destination.write(model.SerializeToString())
        return
    if external_data:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        onnx.save_model(copy, os.fspath(destination), save_as_external_data=True, all_tensors_to_one_file=True, size_threshold=0,
                        location=os.path.basename(os.fspath(destination)) + ".data")  # fmt: skip
        return
    with open(destination, "wb") as file:
        file.write(model.SerializeToString())

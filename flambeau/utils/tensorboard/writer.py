"""SummaryWriter, in PyTorch's form."""

import os
import socket
import time

import flambeau as torch

from . import diagrams, images, projector, summary
from .files import FileWriter
from .library import array, package, plain, proto


class SummaryWriter:
    """Writes numbers, pictures, texts and more over the steps of a run for TensorBoard to show.

    Tensors of all kinds are taken: with gradients, of any floating dtype, in lists. Every add_ method takes
    `global_step` (int), the place on the axis, and most `walltime` (float), seconds, in place of now.

    Args:
        log_dir (path, optional): the folder, runs/<date>_<host><comment> by default.
        comment (str): see there.
        purge_step (int, optional): what earlier writers of the folder wrote from this step on is hidden.
        max_queue (int), flush_secs (float): how many entries, or seconds, to wait before writing to disk.
        filename_suffix (str): the end of the files' names.

    Raises:
        ImportError: neither tensorboardX nor tensorboard is installed (pip install 'flambeau[tensorboard]').

    Example:
        >>> import tempfile
        >>> from flambeau.utils.tensorboard import SummaryWriter
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     for step in range(3):
        ...         writer.add_scalar("loss", torch.tensor(1 / (step + 1)), step)
    """

    def __init__(
        self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
        filename_suffix="",
    ):  # fmt: skip
        package()
        if not log_dir:
            now = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.default_bins = _default_bins()
        self.file_writer = self.all_writers = None
        self._get_file_writer()

    # --- the files -------------------------------------------------------------------------------

    def _writer_in(self, folder):
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self):
        if self.file_writer is None:
            self.file_writer = self._writer_in(self.log_dir)
            self.all_writers = {self.log_dir: self.file_writer}
            if self.purge_step is not None:
                event = proto("event")
                self.file_writer.add_event(
                    event.Event(step=self.purge_step, file_version="brain.Event:2")
                )
                start = event.SessionLog(status=event.SessionLog.START)
                self.file_writer.add_event(event.Event(step=self.purge_step, session_log=start))
                self.purge_step = None
        return self.file_writer

    def get_logdir(self):
        """The folder."""
        return self.log_dir

    def flush(self):
        """Write what waits to disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self):
        """Write what waits and close the files; a later add_ opens a new one."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _add(self, made, global_step, walltime):
        self._get_file_writer().add_summary(made, global_step, walltime)

    # --- numbers ---------------------------------------------------------------------------------

    def add_scalar(
        self, tag, scalar_value, global_step=None, walltime=None, new_style=False,
        double_precision=False,
    ):  # fmt: skip
        """A number, a point of the curve `tag`; double_precision keeps 64 bits, in the newer form of scalars."""
        made = summary.scalar(tag, scalar_value, new_style, double_precision)
        self._add(made, global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Numbers in one diagram, {name: number}; each name is a run of its own."""
        folder = self._get_file_writer().get_logdir()
        for name, value in tag_scalar_dict.items():
            own = os.path.join(folder, f"{main_tag.replace('/', '_')}_{name}")
            if own not in self.all_writers:
                self.all_writers[own] = self._writer_in(own)
            self.all_writers[own].add_summary(
                summary.scalar(main_tag, value), global_step, walltime
            )

    def add_tensor(self, tag, tensor, global_step=None, walltime=None):
        """A tensor with all its values."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None
    ):
        """How the values of a tensor are distributed; bins as of numpy.histogram, or "tensorflow"."""
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        made = diagrams.histogram(tag, array(torch.as_tensor(values)), bins, max_bins)
        self._add(made, global_step, walltime)

    def add_histogram_raw(
        self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None,
        walltime=None,
    ):  # fmt: skip
        """A histogram counted elsewhere: its extrema, moments, and for each bin its upper limit and count."""
        numbers = [plain(value) for value in (min, max, num, sum, sum_squares)]
        bins = [array(value) for value in (bucket_limits, bucket_counts)]
        if len(bins[0]) != len(bins[1]):
            raise ValueError(
                "SummaryWriter.add_histogram_raw: bucket_limits and bucket_counts differ in length, "
                f"{len(bins[0])} and {len(bins[1])}."
            )
        self._add(diagrams.histogram_raw(tag, *numbers, *bins), global_step, walltime)

    def add_hparams(
        self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None
    ):
        """Settings of a run and the metrics it reached, for TensorBoard's HPARAMS page.

        Args:
            hparam_dict, metric_dict, hparam_domain_discrete: see summary.hparams; metrics are numbers.
            run_name (str, optional): the folder inside log_dir; the time by default.
        """
        made = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        with SummaryWriter(folder) as writer:
            for one in made:
                writer._add(one, None, None)
            for name, value in metric_dict.items():
                writer.add_scalar(name, value, global_step)

    def add_pr_curve(
        self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None,
        walltime=None,
    ):  # fmt: skip
        """Precision over recall of probabilities `predictions` for truths `labels`, at many thresholds."""
        pair = array(labels), array(predictions)
        made = diagrams.pr_curve(tag, *pair, num_thresholds, array(weights))
        self._add(made, global_step, walltime)

    def add_pr_curve_raw(
        self, tag, true_positive_counts, false_positive_counts, true_negative_counts,
        false_negative_counts, precision, recall, global_step=None, num_thresholds=127,
        weights=None, walltime=None,
    ):  # fmt: skip
        """A curve of precision over recall whose counts at each threshold were taken elsewhere."""
        counts = (
            true_positive_counts,
            false_positive_counts,
            true_negative_counts,
            false_negative_counts,
        )
        counts = [array(value) for value in (*counts, precision, recall)]
        made = diagrams.pr_curve_raw(tag, *counts, num_thresholds, array(weights))
        self._add(made, global_step, walltime)

    def add_custom_scalars(self, layout):
        """Diagrams of several curves: {category: {title: ["Multiline" or "Margin", tags]}}."""
        self._add(diagrams.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(self, tags, category="default", title="untitled"):
        """One diagram with the curves of these tags."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags, category="default", title="untitled"):
        """One diagram with a curve between two others: three tags, value, lower and upper."""
        if len(tags) != 3:
            raise AssertionError(
                f"SummaryWriter.add_custom_scalars_marginchart: expected three tags, got {len(tags)}."
            )
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    # --- pictures, sounds, texts -----------------------------------------------------------------

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture, uint8 from 0 to 255 or floating from 0 to 1, its dimensions in the order of dataformats."""
        _needs("PIL", "pictures", "vision")
        made = images.image(tag, array(torch.as_tensor(img_tensor)), dataformats=dataformats)
        self._add(made, global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Several pictures in a row, a batch or a list of them."""
        if isinstance(img_tensor, list | tuple):
            img_tensor = torch.stack([torch.as_tensor(one) for one in img_tensor])
            dataformats = dataformats if dataformats.startswith("N") else "N" + dataformats
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1,
        dataformats="CHW", labels=None,
    ):  # fmt: skip
        """A picture with frames around things: box_tensor is (N, 4), left, top, right, bottom; labels one text each."""
        _needs("PIL", "pictures", "vision")
        labels = [labels] if isinstance(labels, str) else labels
        pair = array(img_tensor), array(box_tensor)
        if labels is not None and len(labels) != len(pair[1]):
            raise ValueError(
                f"SummaryWriter.add_image_with_boxes: {len(pair[1])} boxes and {len(labels)} labels."
            )
        made = images.image_boxes(tag, *pair, rescale, dataformats, labels)
        self._add(made, global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A figure of matplotlib, or a list of them; close=True closes them."""
        _needs("PIL", "pictures", "vision")
        self._add(images.figure(tag, figure, close), global_step, walltime)

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """Videos (N, T, C, H, W), values as of add_image; they become a GIF."""
        _needs("PIL", "videos", "vision")
        self._add(images.video(tag, array(vid_tensor), fps), global_step, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """A sound (L,), (C, L) or (L, C), from -1 to 1, C being 1 or 2."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text, in Markdown."""
        self._add(diagrams.text(tag, text_string), global_step, walltime)

    # --- models and data -------------------------------------------------------------------------

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The operators of a model and how tensors flow between them, found by running it on an input.

        use_strict_trace is for PyTorch's tracer: containers of any kind are followed here.
        """
        from .graph import graph

        if input_to_model is None:
            raise ValueError(
                "SummaryWriter.add_graph: needs input_to_model, what the model is called with."
            )
        self._get_file_writer().add_graph(graph(model, input_to_model, verbose))

    def add_onnx_graph(self, prototxt):
        """Not offered."""
        raise NotImplementedError(
            "SummaryWriter.add_onnx_graph is not offered; add_graph draws a model."
        )

    def add_embedding(
        self, mat, metadata=None, label_img=None, global_step=None, tag="default",
        metadata_header=None,
    ):  # fmt: skip
        """Points (N, D) for TensorBoard's projector.

        Args:
            mat (Tensor): (N, D).
            metadata (list, optional): a label for each point, or a list of them with metadata_header.
            label_img (Tensor, optional): (N, C, H, H), a picture for each point.
            metadata_header (list of str, optional): names of the labels.
        """
        if label_img is not None:
            _needs("PIL", "pictures", "vision")
        points = array(torch.as_tensor(mat))
        if points.ndim != 2:
            raise AssertionError(
                f"SummaryWriter.add_embedding: mat must be (N, D), got {tuple(points.shape)}."
            )
        labels = metadata.tolist() if torch.is_tensor(metadata) else metadata
        pictures = array(label_img)
        for name, many in (("metadata", labels), ("label_img", pictures)):
            if many is not None and len(many) != len(points):
                raise AssertionError(
                    f"SummaryWriter.add_embedding: {len(points)} points and {len(many)} of {name}."
                )
        step = 0 if global_step is None else int(global_step)
        place = f"{step:05}/{tag.replace('%', '%25').replace('/', '%2f')}"
        projector.write(self.log_dir, place, points, labels, pictures, step, tag, metadata_header)

    def add_mesh(
        self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None,
        walltime=None,
    ):  # fmt: skip
        """Surfaces or clouds of points: vertices and colors (B, N, 3), faces (B, F, 3) of numbers of vertices."""
        parts = [array(value) for value in (vertices, colors, faces)]
        self._add(diagrams.mesh(tag, *parts, config_dict), global_step, walltime)


def _default_bins():
    """TensorFlow's bounds of bins: 1e-12 * 1.1^k up to 1e20, their negatives, and 0."""
    bounds, value = [], 1e-12
    while value < 1e20:
        bounds.append(value)
        value *= 1.1
    return [-bound for bound in reversed(bounds)] + [0] + bounds


def _needs(package, what, extra=None):
    from importlib.util import find_spec

    if find_spec(package) is None:
        name = f"'flambeau[{extra}]'" if extra else package
        raise ImportError(
            f"SummaryWriter: {what} need {package}, which is not installed. Run: pip install {name}."
        )

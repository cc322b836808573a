"""Summaries of distributions, of precision over recall, of diagrams and surfaces, and of texts."""

import json

from .library import array, proto
from .summary import plugin, value_of


def histogram(tag, values, bins, max_bins=None):
    """How values are distributed: counts, each with the upper limit of its bin; empty bins at either end are left out."""
    import numpy

    values = numpy.asarray(values, dtype=float).reshape(-1)
    if values.size == 0:
        raise ValueError("SummaryWriter.add_histogram: there are no values.")
    counts, limits = numpy.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        step = -(-len(counts) // max_bins)
        starts = range(0, len(counts), step)
        counts = numpy.array([counts[i : i + step].sum() for i in starts])
        limits = numpy.append(limits[:-1:step], limits[-1])
    filled = counts.nonzero()[0]
    if filled.size == 0:
        raise ValueError("SummaryWriter.add_histogram: no value lies in the bins.")
    first, last = filled[0], filled[-1]
    # TensorBoard takes the lower limit of the first bin from an empty bin before it
    upper = limits[first : last + 2].tolist()
    made = [0, *counts[first : last + 1].tolist()]
    extrema = values.min(), values.max(), values.size, values.sum(), values.dot(values)
    return histogram_raw(tag, *(float(number) for number in extrema), upper, made)


def histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    """A histogram that is counted already."""
    made = proto("summary").HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return value_of(tag, histo=made)


def _numbers(values):
    return proto("tensor").TensorProto(
        dtype="DT_FLOAT", float_val=values.reshape(-1).tolist(), tensor_shape=_shape(values.shape)
    )


def _shape(sizes):
    Shape = proto("tensor_shape").TensorShapeProto
    return Shape(dim=[Shape.Dim(size=size) for size in sizes])


def _texts(values, sizes):
    return proto("tensor").TensorProto(
        dtype="DT_STRING", string_val=values, tensor_shape=_shape(sizes)
    )


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision over recall at thresholds from 0 to 1: a prediction counts as true from the threshold on."""
    import numpy

    labels, predictions = (
        numpy.asarray(labels).reshape(-1) > 0,
        numpy.asarray(predictions).reshape(-1),
    )
    weights = (
        numpy.ones(len(labels)) if weights is None else numpy.broadcast_to(weights, labels.shape)
    )
    count = min(num_thresholds, 127)
    places = numpy.floor(predictions * (count - 1)).astype(int).clip(0, count - 1)
    above = lambda chosen: numpy.bincount(places, weights * chosen, count)[::-1].cumsum()[::-1]
    true, false = above(labels), above(~labels)
    tiny = 1e-7
    precision, recall = (
        true / numpy.maximum(tiny, true + false),
        true / numpy.maximum(tiny, true[0]),
    )
    return pr_curve_raw(
        tag, true, false, false[0] - false, true[0] - true, precision, recall, count
    )


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None):
    """Precision over recall, counted already."""
    import numpy

    rows = numpy.stack(
        [numpy.asarray(one, dtype=float) for one in (tp, fp, tn, fn, precision, recall)]
    )
    data = proto("plugin_pr_curve").PrCurvePluginData(
        version=0, num_thresholds=min(num_thresholds, 127)
    )
    return value_of(
        tag, tensor=_numbers(rows), metadata=plugin("pr_curves", data.SerializeToString())
    )


def custom_scalars(layout):
    """Diagrams with several curves: {category: {title: [kind, tags]}}, of kind "Multiline" or "Margin"."""
    messages = proto("layout")
    categories = []
    for category, charts in layout.items():
        made = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                series = messages.MarginChartContent.Series(
                    value=tags[0], lower=tags[1], upper=tags[2]
                )
                made.append(
                    messages.Chart(title=title, margin=messages.MarginChartContent(series=[series]))
                )
            else:
                made.append(
                    messages.Chart(title=title, multiline=messages.MultilineChartContent(tag=tags))
                )
        categories.append(messages.Category(title=category, chart=made))
    content = messages.Layout(category=categories).SerializeToString()
    return value_of(
        "custom_scalars__config__", tensor=_texts([content], ()), metadata=plugin("custom_scalars")
    )


def mesh(tag, vertices, colors, faces, config_dict=None):
    """Surfaces: vertices, faces and colors, each (B, N, 3)."""
    made = None
    for kind, values in enumerate((vertices, faces, colors), 1):
        if values is None:
            continue
        values = array(values)
        data = proto("plugin_mesh").MeshPluginData(
            version=0,
            name=tag,
            content_type=kind,
            json_config=json.dumps(config_dict, sort_keys=True),
            shape=values.shape,
        )
        metadata = plugin("mesh", data.SerializeToString())
        one = value_of(f"{tag}_{kind}", tensor=_numbers(values), metadata=metadata)
        made = one if made is None else made
        if made is not one:
            made.value.extend(one.value)
    return made


def text(tag, words):
    """A text in Markdown."""
    data = proto("plugin_text").TextPluginData(version=0).SerializeToString()
    content = _texts([words.encode()], (1,))
    return value_of(f"{tag}/text_summary", tensor=content, metadata=plugin("text", data))

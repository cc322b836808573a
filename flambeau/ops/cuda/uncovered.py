"""The core's loops that have no rule here: what is done on a GPU in their place, and what runs on the CPU.

tests/cuda/test_rules.py reads the core's sources: each loop has a rule or stands in one of these tables.
"""

# The operator asks for these only where its tensors are on the CPU, and is composed of others elsewhere.
COMPOSED = {
    "_group_norm": "moments of rows, then a map",
    "_group_norm_backward": "moments of rows, then a map",
    "_layer_norm_backward": "a block a row",
    "_channel_products": "a map, then sums",
    "_is_of_columns": "a fact; false on GPUs",
    "_conv_reads_pixels": "a fact; false on GPUs",
    "is_order": "a fact about an order that was kept, which none is on GPUs",
    "_softmax_of_columns": "a block a row of a transposed copy",
    "_softmax_of_columns_backward": "a block a row of a transposed copy",
    "_resize_windows": "a fact: windows of a resize, made on the CPU once",
    "_cross_entropy": "the same kernel of rows, then sums",
    "_nll": "a pick, a product and sums",
    "_nll_backward": "a scatter",
    "_margins": "differences, then sums",
    "_margins_backward": "differences, then a scatter",
    "_fractional_max_pool": "places of windows, a gather, maxima of rows",
    "_polynomial": "its recurrence, in operators",
    "_inverse_of_factor": "two triangular solutions",
    "_permutation": "an order of rows, then places",
    "_triangles": "two triangles and the ones",
    "_solve_factored": "two triangular solutions",
    "_product_of_reflections": "one reflection after the other, in operators",
    "_times_reflections": "one reflection after the other, in operators",
    "_gru": "its steps, in operators",
    "_gru_backward": "its steps, in operators",
    "_distances": "differences, then their norms",
    "_distances_backward": "differences, then their norms",
    "triangle_places": "differences of rows and columns, then nonzero",
    "_flex_states": "attention with scores of one's own is composed of products",
    "_flex_attend": "attention with scores of one's own is composed of products",
    "_flex_backward": "attention with scores of one's own is composed of products",
}

# On the CPU, with copies there and back and a warning once for each operator.
ON_THE_CPU = {
    "_eig": "eigenvalues of matrices that are not symmetric: steps of QR that a block of threads can't share",
    "_reflections": "of complex or large matrices, where cuSOLVER is not installed",
    "_ldl_factor": "exchanges of rows and columns that a block of threads can't share",
    "_ldl_solve": "exchanges of rows and columns that a block of threads can't share",
    "_airy_ai": "polynomials by a table have no kernel yet",
    "_poisson": "counts are drawn with a number of tries that differs from element to element",
    "_binomial": "counts are drawn with a number of tries that differs from element to element",
    "_random_order": "an order is drawn one exchange after another",
    "_deform_columns": "taps of deformable convolution have no kernel yet",
    "_deform_columns_backward": "taps of deformable convolution have no kernel yet",
    "_roi_mean": "regions of interest have no kernel yet",
    "_roi_mean_backward": "regions of interest have no kernel yet",
    "_roi_max": "regions of interest have no kernel yet",
    "_resample": "images of bytes are resized where they are decoded",
    "_resample_pixels": "images of bytes are resized where they are decoded",
    "_planes": "images are decoded there",
    "_png_lines": "files are read there",
    "times_rows": "how many entries a product of sparse matrices has is found while it is made",
}

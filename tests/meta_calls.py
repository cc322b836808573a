"""One call of each operator that is not pointwise, as text after `fl.`, and what the names in it are."""

import numpy as np

import flambeau as fl

RANDOM = np.random.default_rng(0)


def _floats(*sizes):
    return fl.from_numpy(RANDOM.standard_normal(sizes).astype("float32"))


def operands():
    """Tensors by the names that CALLS use."""
    square = _floats(3, 3)
    positive = square @ square.T + fl.eye(3)
    LU, pivots = fl.linalg.lu_factor(positive)
    LD, swaps = fl.linalg.ldl_factor(positive)
    factors, tau = fl.geqrf(square)
    return {
        "x": _floats(4, 5),  # x and y of one shape, m to multiply with
        "y": _floats(4, 5).abs() + 1,
        "m": _floats(5, 3),
        "v": _floats(5),
        "u": _floats(4),
        "s": positive,
        "q": fl.stack([positive, positive + 1]),
        "r": _floats(3, 2),
        "z": fl.complex(_floats(4, 5), _floats(4, 5)),
        "i": fl.tensor([0, 2, 1, 3]),
        "parts": fl.tensor([1, 3]),
        "ii": fl.tensor([[0, 2, 1], [1, 0, 2], [2, 2, 0], [3, 1, 1]]),
        "n": fl.tensor([[1, 4, 6, 9, 2]] * 4),
        "b": fl.tensor([[True, False, True, False, True]] * 4),
        "p": fl.full((4, 5), 0.5),
        "line": _floats(2, 4, 9),
        "image": _floats(2, 4, 6, 7),
        "block": _floats(2, 4, 5, 6, 7),
        "w1": _floats(4, 2, 3),
        "w2": _floats(4, 2, 3, 3),
        "w3": _floats(4, 2, 3, 3, 3),
        "c": _floats(4),
        "var": fl.full((4,), 2.0),
        "seq": _floats(7, 3, 5).log_softmax(-1),
        "labels": fl.tensor([[1, 2], [3, 4], [1, 1]]),
        "lengths": fl.tensor([7, 6, 7]),
        "two": fl.tensor([2, 1, 2]),
        "grid": _floats(2, 3, 3, 2),
        "cube": _floats(2, 3, 3, 3, 3),
        "emb": _floats(10, 3),
        "bits": fl.tensor([[3, 5, 7, 9, 1]] * 4, dtype=fl.int32),
        "LU": LU,
        "pivots": pivots,
        "LD": LD,
        "swaps": swaps,
        "factors": factors.clone(),
        "tau": tau,
        "att": _floats(2, 2, 4, 8),
        "frames": _floats(2, 64),
        "signal": fl.stft(_floats(2, 64), 16, window=fl.ones(16), return_complex=True),
        "window": fl.ones(16),
        "edges": fl.tensor([-2.0, 0.0, 1.0, 3.0]),
        "t": fl.tensor(1.5),
    }


CALLS = """
reshape(x, (20,)) | permute(x, (1, 0)) | transpose(x, 0, 1) | t(x) | select(x, 1, 2) | narrow(x, 1, 1, 3) | unsqueeze(x, 1)
squeeze(x[:1]) | as_strided(x, (2, 3), (5, 1)) | view_as_real(z) | view_as_complex(grid) | detach(x) | flatten(image, 1)
unbind(x) | split(x, 3) | chunk(x, 2, 1) | clone(x) | empty_like(x)
zeros_like(x) | ones_like(x)
threshold(x, 0.1, 2.0) | prelu(image, c) | any(b, 1) | all(b) | count_nonzero(x, 1) | nansum(x, 0) | prod(x, 1)
amax(x, 1) | amin(x, (0, 1)) | aminmax(x, dim=1) | div(x, y, rounding_mode="floor") | divide(x, y) | positive(x)
pow(y, 2.5) | float_power(y, 2) | round(x, decimals=1) | clamp(x, -1, 1) | clip(x, 0) | nan_to_num(x) | max(x, 1)
min(x) | max(x, y) | argmax(x, 1) | argmin(x) | sum(x, 1, keepdim=True) | mean(x, (0, 1)) | where(b, x, y)
batch_norm(image, c, var, c, c, True, 0.1, 1e-5, False) | masked_fill(x, b, 2.0) | conj(z) | resolve_conj(z)
resolve_neg(x) | real(z) | imag(z) | angle(z) | complex(x, y) | polar(y, x) | poisson(y) | binomial(y * 0 + 3, p)
conv1d(line, w1, groups=2) | conv2d(image, w2, c, padding=1, groups=2) | conv3d(block, w3, groups=2, stride=2)
conv_transpose1d(line, w1, groups=2) | conv_transpose2d(image, w2, stride=2, groups=2)
conv_transpose3d(block, w3, groups=2) | convolution(image, w2, None, (1, 1), (0, 0), (1, 1), False, (0, 0), 2)
full_like(x, 2) | softmax(x, 1) | log_softmax(x, 0) | layer_norm(x, (5,), v, v) | rms_norm(x, (5,), v)
ctc_loss(seq, labels, lengths, two) | diag(v) | diagflat(x) | diag_embed(x) | trace(s) | tril(x) | triu(x, 1)
vander(v) | diff(x) | gradient(x) | trapezoid(x) | trapz(x, dx=0.5) | cumulative_trapezoid(x) | einsum("ij,jk->ik", x, m)
tensordot(x, m, 1) | isclose(x, y) | isin(n, i) | cholesky(s) | cholesky_solve(r, s) | cholesky_inverse(s) | qr(x)
geqrf(x.detach()) | orgqr(factors, tau) | ormqr(factors, tau, r) | lu_unpack(LU, pivots) | lu(s) | lu_solve(r, LU, pivots)
igamma(y.detach(), y) | igammac(y.detach(), y) | gather(x, 1, ii) | index_select(x, 0, i) | embedding(emb, i) | take(x, ii)
take_along_dim(x, ii, 1) | broadcast_tensors(x, v) | broadcast_to(v, (4, 5)) | atleast_1d(t) | atleast_2d(v)
atleast_3d(x) | hstack((x, y)) | vstack((x, y)) | row_stack((x, y)) | dstack((x, y)) | column_stack((u, x))
block_diag(x, m) | meshgrid(u, v, indexing="ij") | cartesian_prod(u, v) | combinations(v, 2) | cat((x, y), 1)
stack((x, y), 1) | concat((x, y)) | concatenate((x, y)) | adjoint(z) | as_strided_copy(x, (2, 2), (1, 2))
diagonal_copy(x) | expand_copy(v, (4, 5)) | narrow_copy(x, 0, 1, 2) | permute_copy(x, (1, 0)) | select_copy(x, 0, 1)
squeeze_copy(x) | t_copy(x) | transpose_copy(x, 0, 1) | unbind_copy(x) | unfold_copy(x, 1, 2, 1) | unsqueeze_copy(x, 0)
view_copy(x, (20,)) | view_as_real_copy(z) | view_as_complex_copy(grid) | detach_copy(x) | split_copy(x, 2)
alias_copy(x) | split_with_sizes_copy(x, (1, 3)) | split_with_sizes(x, (1, 3)) | fill(x, 2) | scatter(x, 1, ii, 1.0)
scatter_add(x, 1, ii, y) | scatter_reduce(x, 1, ii, y, "mean") | index_reduce(x, 0, i, y, "prod")
index_add(x, 0, i, y) | index_copy(x, 0, i, y) | index_fill(x, 0, i, 2.0) | put(x, i, u) | index_put(x, (i, i), u)
nonzero_static(x, size=3) | masked_scatter(x, b, y) | polygamma(1, y) | logit(p) | mvlgamma(y + 2, 2) | mm(x, m)
bmm(q, q) | mv(x, v) | dot(v, v) | vdot(v, v) | matmul(q, r) | addmm(r[:, :2] @ r.T @ r, s, r, alpha=0.5)
_addmm_activation(r[0], s, r) | addmv(u, x, v) | addr(x, u, v) | addbmm(s, q, q) | baddbmm(q, q, q) | outer(u, v)
ger(u, v) | inner(x, y) | kron(x, m) | cross(s, s) | chain_matmul(x, m, r) | matrix_power(s, 3) | flip(x, (0,))
roll(x, 1, 1) | repeat_interleave(x, 2, 0) | native_layer_norm(x, (5,), v, v, 1e-5)
native_group_norm(image, c, c, 2, 4, 42, 2, 1e-5) | native_batch_norm(image, c, c, None, None, True, 0.1, 1e-5)
native_dropout(x, 0.5, True) | norm_except_dim(x) | norm(x, 2, 1) | dist(x, y) | renorm(x, 2, 0, 1) | cdist(x, y)
pdist(x) | frobenius_norm(x, 1) | nuclear_norm(s) | gcd(n, n) | lcm(n, n) | frexp(x) | hash_tensor(x) | symeig
constant_pad_nd(x, (1, 2)) | max_pool1d(line, 2) | max_pool1d_with_indices(line, 3) | max_pool2d(image, 2)
max_pool3d(block, 2) | adaptive_max_pool1d(line, 3) | avg_pool1d(line, 2) | adaptive_avg_pool1d(line, 4) | rand_like(x)
randn_like(x) | bernoulli(p) | randint_like(x, 5) | normal(x, y) | multinomial(p, 2) | movedim(image, 0, 2)
moveaxis(image, 0, 2) | fliplr(x) | flipud(x) | rot90(x) | tile(x, (2, 1)) | unflatten(x, 1, (5, 1)) | ravel(x.t())
select_scatter(x, v, 0, 1) | slice_scatter(x, y[:2], 0, 0, 2) | diagonal_scatter(x, u) | unravel_index(i, (2, 3))
as_strided_scatter(x, s, (3, 3), (1, 3)) | slice_copy(x, 0, 1, 3) | slice_inverse(x, x, 0, 0, 4) | segment_reduce(x, "sum", lengths=parts) | cumsum(x, 1) | cumprod(x, 1) | logcumsumexp(x, 0)
cummax(x, 1) | cummin(x, 0) | searchsorted(edges, x) | bucketize(x, edges) | histc(x, 4, -1, 1) | sort(x, 1)
histogram(x.detach(), 3, range=(-1.0, 1.0)) | histogramdd(x[:, :2].detach(), (2, 3)) | argsort(x) | msort(x) | topk(x, 2) | kthvalue(x, 2)
median(x) | median(x, 1) | nanmedian(x, 1) | mode(x, 1) | svd(x) | pinverse(x) | matrix_exp(s) | svd_lowrank(x, 2)
pca_lowrank(x, 2) | stft(frames, 16, window=window, return_complex=True) | istft(signal, 16, window=window)
tensor_split(x, 2) | hsplit(x, (2,)) | vsplit(x, 2) | dsplit(cube[0], 3) | var(x, 1) | std(x) | var_mean(x, 1)
std_mean(x, 0) | nanmean(x, 1) | logsumexp(x, 1) | quantile(x, 0.3) | nanquantile(x, 0.3, 1) | cov(x) | corrcoef(x)
inverse(s) | triangular_solve(r, s) | det(s) | slogdet(q) | logdet(s) | unsafe_split(x, 2) | unsafe_chunk(x, 2)
unsafe_split_with_sizes(x, (1, 3)) | swapaxes(x, 0, 1) | swapdims(x, 0, 1) | special.softmax(x, 1)
special.log_softmax(x, 1) | special.gammainc(y.detach(), y) | special.gammaincc(y.detach(), y) | special.polygamma(1, y)
special.logit(p) | special.multigammaln(y + 2, 2) | special.airy_ai(x) | special.chebyshev_polynomial_t(x, 3)
special.shifted_chebyshev_polynomial_t(x, 3) | special.chebyshev_polynomial_u(x, 3)
special.shifted_chebyshev_polynomial_u(x, 3) | special.chebyshev_polynomial_v(x, 3)
special.shifted_chebyshev_polynomial_v(x, 3) | special.chebyshev_polynomial_w(x, 3)
special.shifted_chebyshev_polynomial_w(x, 3) | special.hermite_polynomial_h(x, 3) | special.hermite_polynomial_he(x, 3)
special.laguerre_polynomial_l(x, 3) | special.legendre_polynomial_p(x, 3) | special.logsumexp(x, 1) | linalg.vander(v)
linalg.diagonal(q) | linalg.cholesky(q) | linalg.cholesky_ex(q) | linalg.qr(q, "complete")
linalg.householder_product(factors, tau) | linalg.lu_factor(q) | linalg.lu_factor_ex(q) | linalg.lu(x)
linalg.lu_solve(LU, pivots, r) | linalg.ldl_factor_ex(q.detach()) | linalg.ldl_factor(q.detach())
linalg.ldl_solve(LD.detach(), swaps, r.detach())
linalg.cross(s, s) | linalg.vecdot(x, y) | linalg.matmul(x, m) | linalg.multi_dot((x, m, r)) | linalg.matrix_power(q, -2)
linalg.vector_norm(x, 3, 1) | linalg.matrix_norm(q) | linalg.norm(q, 2, (1, 2)) | linalg.eigh(q) | linalg.eigvalsh(q)
linalg.eig(q) | linalg.eigvals(q) | linalg.svd(x) | linalg.svdvals(x) | linalg.matrix_rank(q) | linalg.pinv(x)
linalg.cond(s) | linalg.lstsq(x, y) | linalg.matrix_exp(q) | linalg.inv(q) | linalg.inv_ex(q) | linalg.solve(q, r)
linalg.solve_ex(s, r) | linalg.solve_triangular(s, r, upper=True) | linalg.det(q) | linalg.slogdet(s)
linalg.tensorinv(s.reshape(3, 3), ind=1) | linalg.tensorsolve(s, v[:3]) | fft.fft(x) | fft.ifft(x) | fft.fftn(image)
fft.ifftn(x) | fft.fft2(image) | fft.ifft2(x) | fft.rfft(x) | fft.irfft(z) | fft.rfftn(x) | fft.irfftn(z) | fft.rfft2(x)
fft.irfft2(z) | fft.hfft(z) | fft.ihfft(x) | fft.hfftn(z) | fft.ihfftn(x) | fft.hfft2(z) | fft.ihfft2(x)
fft.fftshift(x) | fft.ifftshift(x) | nn.functional.gelu(x) | nn.functional.linear(x, m.t(), v[:3])
nn.functional.embedding_bag(ii, emb) | nn.functional.embedding_bag(ii, emb, mode="sum", per_sample_weights=p[:, :3]) | nn.functional.adaptive_avg_pool2d(image, 3)
nn.functional.adaptive_avg_pool3d(block, 2) | nn.functional.adaptive_max_pool2d(image, 3)
nn.functional.adaptive_max_pool3d(block, 2) | nn.functional.affine_grid(grid[:, :2, :3, 0], (2, 1, 4, 4))
nn.functional.alpha_dropout(x) | nn.functional.avg_pool2d(image, 2) | nn.functional.avg_pool3d(block, 2)
nn.functional.bilinear(x, y, cube[0, 0, :1].expand(3, 3, 3)[:, :1, :1].expand(3, 5, 5))
nn.functional.binary_cross_entropy(p, p) | nn.functional.binary_cross_entropy_with_logits(x, p) | nn.functional.celu(x)
nn.functional.channel_shuffle(image, 2) | nn.functional.cosine_embedding_loss(x, y, u.sign())
nn.functional.cosine_similarity(x, y) | nn.functional.cross_entropy(x, i) | nn.functional.cross_entropy(x, p)
nn.functional.dropout(x) | nn.functional.dropout2d(image) | nn.functional.feature_alpha_dropout(image)
nn.functional.fold(cube.reshape(2, 9, 9), (5, 5), (3, 3)) | nn.functional.fractional_max_pool2d(image, 2, 3)
nn.functional.fractional_max_pool3d(block, 2, 2) | nn.functional.gaussian_nll_loss(x, y, y) | nn.functional.glu(image, 1)
nn.functional.grid_sample(image, grid.tanh(), align_corners=False) | nn.functional.group_norm(image, 2, c, c)
nn.functional.gumbel_softmax(x) | nn.functional.hinge_embedding_loss(x, y.sign()) | nn.functional.huber_loss(x, y)
nn.functional.instance_norm(image) | nn.functional.interpolate(image, scale_factor=2)
nn.functional.interpolate(image, (3, 4), mode="bilinear", antialias=True) | nn.functional.kl_div(x, p, reduction="sum")
nn.functional.interpolate(image, (3, 9), mode="bicubic") | nn.functional.l1_loss(x, y)
nn.functional.local_response_norm(image, 2) | nn.functional.lp_pool2d(image.abs(), 2, 2)
nn.functional.margin_ranking_loss(x, y, x.sign()) | nn.functional.max_pool2d_with_indices(image, 2)
nn.functional.mse_loss(x, y) | nn.functional.multi_margin_loss(x, i) | nn.functional.multilabel_margin_loss(x, n % 5)
nn.functional.multilabel_soft_margin_loss(x, p) | nn.functional.nll_loss(x, i) | nn.functional.normalize(x)
nn.functional.one_hot(i, 5) | nn.functional.pad(image, (1, 2, 0, 1), mode="reflect") | nn.functional.pairwise_distance(x, y)
nn.functional.pixel_shuffle(image, 2) | nn.functional.pixel_unshuffle(image[..., :6], 2)
nn.functional.poisson_nll_loss(x, y) | nn.functional.rrelu(x, training=True)
nn.functional.scaled_dot_product_attention(att, att, att, is_causal=True) | nn.functional.smooth_l1_loss(x, y)
nn.functional.soft_margin_loss(x, x.sign()) | nn.functional.softmin(x, 1) | nn.functional.unfold(image, 2)
nn.functional.triplet_margin_loss(x, y, y) | nextafter(x.detach(), y.detach()) |
_masked_softmax(x, b) | _softmax(x, 1, False) | _log_softmax(x, 1, False) | _add_relu(x, y)
 nn.functional.max_unpool2d(image[..., :2, :2], ii[:2, :2, None, None].expand(2, 2, 2, 2)[:, :1].expand(2, 4, 2, 2), 2)
"""

# What depends on values, answers a question about one tensor, or makes tensors from numbers alone.
OTHERS = """
empty zeros ones full empty_strided tensor as_tensor from_numpy promote_types can_cast get_default_dtype
set_default_dtype set_num_threads get_num_threads memory_stats reset_peak_memory_stats is_grad_enabled
is_inference_mode_enabled numel is_floating_point is_complex result_type smm sspaddmm hspmm resize_as_sparse_ lobpcg sampled_addmm spdiags spmm dsmm hsmm saddmm native_norm
values_copy indices_copy crow_indices_copy col_indices_copy ccol_indices_copy row_indices_copy
allclose equal nonzero argwhere masked_select bincount unique unique_consecutive is_nonzero is_distributed get_device
is_conj is_neg is_signed is_inference is_same_size broadcast_shapes manual_seed seed initial_seed get_rng_state
set_rng_state Generator default_generator arange range linspace logspace eye scalar_tensor empty_permuted tril_indices
triu_indices rand randn randint randperm hann_window bartlett_window blackman_window hamming_window kaiser_window eig
symeig lstsq solve matrix_rank zero_ as_strided_ detach_ resize_as_ fill_ index_put_ fftfreq rfftfreq general_cosine
gels gesv potrf potri potrs pstrf btrifact btrisolve btriunpack trtrs
general_hamming hamming hann blackman nuttall bartlett cosine exponential gaussian kaiser
"""

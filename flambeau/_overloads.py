"""The overloads that PyTorch 2.13 has of each operator, where there are others than `default`: OVERLOADS[name].

Names only: every overload of an operator leads to the one that flambeau has.
"""

_TEXT = """
default out: _addmm_activation _compute_linear_combination _dirichlet_grad _grid_sampler_2d_cpu_fallback
    _log_softmax _masked_softmax _pin_memory _sample_dirichlet _softmax _sparse_addmm _standard_gamma
    _standard_gamma_grad _to_copy _unique _unique2 _unsafe_view abs absolute acos acosh adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d addbmm addcdiv addcmul addmv
    addr affine_grid_generator alias_copy amax amin aminmax angle arccos arccosh arcsin arcsinh arctan arctan2
    arctanh argmax argmin as_strided_copy as_strided_scatter asin asinh atan atan2 atanh avg_pool1d avg_pool2d
    avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits bincount binomial bitwise_not block_diag cat
    ceil celu chain_matmul channel_shuffle cholesky cholesky_inverse cholesky_solve clone column_stack complex
    concat concatenate conj_physical constant_pad_nd conv_tbc convolution convolution_backward cos cosh cross
    cummax cummin cumprod cumsum deg2rad detach_copy diag diag_embed diagonal_copy diagonal_scatter diff digamma
    dist dot dstack elu embedding empty_like empty_permuted empty_strided erf erfc erfinv exp exp2 expand_copy
    expm1 fft_fft fft_fft2 fft_fftfreq fft_fftn fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn
    fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn fix
    flip floor fmax fmin frac full full_like gather gcd gelu ger glu grid_sampler_2d grid_sampler_3d hardshrink
    hardsigmoid hardswish hardtanh hash_tensor heaviside histc hstack huber_loss hypot i0 igamma igammac index_add
    index_copy index_reduce index_select inner inverse isinf isnan isneginf isposinf kron lcm leaky_relu lgamma
    lift linalg_cholesky linalg_cross linalg_det linalg_eig linalg_eigvals linalg_eigvalsh
    linalg_householder_product linalg_inv linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq
    linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_lu_solve linalg_matmul linalg_matrix_exp
    linalg_matrix_power linalg_multi_dot linalg_qr linalg_slogdet linalg_solve linalg_solve_ex
    linalg_solve_triangular linalg_svdvals linalg_tensorinv linalg_tensorsolve linalg_vecdot linalg_vector_norm
    linear log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor
    logit logsumexp lu_solve lu_unpack masked_scatter masked_select matmul matrix_power max_pool2d_with_indices
    max_pool3d_with_indices max_unpool2d max_unpool3d maximum minimum mish mse_loss msort multi_margin_loss
    multilabel_margin_loss multinomial mv mvlgamma nan_to_num nanmean nansum narrow_copy native_batch_norm
    native_dropout native_group_norm native_layer_norm neg negative new_empty new_empty_strided new_full new_ones
    new_zeros nextafter nll_loss nonzero nonzero_static ones ones_like orgqr ormqr outer permute_copy
    pixel_shuffle pixel_unshuffle poisson polar polygamma put rad2deg reciprocal relu renorm repeat resize
    resize_as roll rot90 row_stack rsqrt scalar_tensor scatter_add segment_reduce select_scatter sgn sigmoid sign
    signbit silu sin sinc sinh slice_scatter slogdet smooth_l1_loss soft_margin_loss softplus softshrink
    special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 special_digamma
    special_entr special_erf special_erfc special_erfcx special_erfinv special_exp2 special_expit special_expm1
    special_gammainc special_gammaincc special_gammaln special_i0 special_i0e special_i1 special_i1e special_log1p
    special_log_ndtr special_logit special_logsumexp special_modified_bessel_i0 special_modified_bessel_i1
    special_modified_bessel_k0 special_modified_bessel_k1 special_multigammaln special_ndtr special_ndtri
    special_polygamma special_psi special_round special_scaled_modified_bessel_k0
    special_scaled_modified_bessel_k1 special_sinc special_spherical_bessel_j0 split_with_sizes_copy sqrt square
    stack t_copy take take_along_dim tan tanh tensordot threshold to_mkldnn trace tril tril_indices triu
    triu_indices trunc unfold_copy unique_consecutive unsafe_split_with_sizes unsqueeze_copy vdot
    view_as_complex_copy view_as_real_copy vstack zeros zeros_like
Tensor Scalar: __iand__ __ilshift__ __ior__ __irshift__ __ixor__ __or__ __xor__ _add_relu_ add_ bitwise_and_
    bitwise_or_ bitwise_xor_ copysign_ float_power_ floor_divide_ fmod_ mul_ multiply_ remainder_ sub_ subtract_
    true_divide_
Scalar Tensor: __and__ eq_ fill_ ge_ greater_ greater_equal_ gt_ le_ lerp_ less_ less_equal_ lt_ masked_fill_ ne_
    not_equal_ pow_
default out x_scalar x_scalar_out n_scalar n_scalar_out: special_chebyshev_polynomial_t
    special_chebyshev_polynomial_u special_chebyshev_polynomial_v special_chebyshev_polynomial_w
    special_hermite_polynomial_h special_hermite_polynomial_he special_laguerre_polynomial_l
    special_legendre_polynomial_p special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u
    special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w
Tensor Scalar Scalar_out Tensor_out: __lshift__ __rshift__ ge greater greater_equal gt le less less_equal lt
    not_equal
default Tensor: clamp_ clamp_max_ clamp_min_ clip_ narrow values
out default: hspmm int_repr q_per_channel_scales q_per_channel_zero_points sparse_mask sspaddmm
default generator out generator_out: rand rand_like randn randn_like randperm
int int_out: log_softmax select_copy softmax transpose_copy unbind_copy
Tensor Scalar Scalar_Tensor Tensor_out Scalar_out Scalar_Tensor_out: bitwise_and bitwise_or bitwise_xor remainder
Tensor Scalar out Scalar_out: add copysign mul sub
Tensor Tensor_out: frexp slice_copy split_copy unsafe_split
default Tensor out Tensor_out: clamp clamp_max clamp_min clip
default out dtype_out dtype: addmm baddbmm bmm mm
int: select transpose unbind unflatten
Tensor Scalar Tensor_out Scalar_out: bucketize fmod rsub
default Sequence: atleast_1d atleast_2d atleast_3d
default other_scalar self_scalar out self_scalar_out other_scalar_out: special_xlog1py special_xlogy special_zeta
default padding: conv1d conv2d conv3d
default periodic out periodic_out: bartlett_window blackman_window hann_window
default values: kthvalue mode topk
int array: dsplit hsplit vsplit
x dx: cumulative_trapezoid trapezoid trapz
Scalar Scalar_out Tensor Tensor_out: fill masked_fill
Tensor: __contains__ slice
Tensor Scalar Scalar_out Tensor_out Tensor_list: eq ne
Tensor Scalar out: multiply true_divide
Tensor Tensor_Scalar Scalar_Tensor Tensor_out Tensor_Scalar_out Scalar_Tensor_out: bitwise_left_shift
    bitwise_right_shift
Tensor_Scalar Tensor: bitwise_left_shift_ bitwise_right_shift_
Tensor_Tensor Tensor_Scalar Scalar Tensor_Tensor_out Scalar_out Tensor_Scalar_out: float_power pow
Tensor_Tensor Tensor_Scalar Scalar_Tensor default out Tensor_Tensor_out Tensor_Scalar_out Scalar_Tensor_out:
    linspace logspace
default U: linalg_svd svd
default dim correction correction_out: std_mean var_mean
default dim correction correction_out out: std var
default dim dim_values out: median nanmedian
default dim dims: squeeze squeeze_
default dim dims out dims_out all_out: all any
default output: fractional_max_pool2d fractional_max_pool3d
default scalar out scalar_out: nanquantile quantile
input: conv_transpose2d conv_transpose3d
int default: size stride
Dict_Tensor: __getitem__
IntList Tensor: ctc_loss
Scalar ScalarOpt_dim ScalarOpt_dim_dtype dtype_out out ScalarOpt_dtype ScalarOpt_dtype_out Scalar_out: norm
Scalar Tensor Scalar_out Tensor_out: lerp
Tensor Scalar Scalar_Tensor Scalar_Scalar: result_type
Tensor Scalar Tensor_mode Scalar_mode out out_mode: divide
Tensor Scalar Tensor_mode Scalar_mode out out_mode Scalar_out Scalar_mode_out: div
Tensor Scalar_Other: xlogy_
Tensor Scalar_Other Scalar_Self OutTensor OutScalar_Self OutScalar_Other: xlogy
Tensor Tensor_mode Scalar Scalar_mode: div_
Tensor Tensor_mode Scalar_mode Scalar: divide_
Tensor Tensor_out Scalar Scalar_out: searchsorted
Tensor Tensor_out Tensor_hacked_twin list_Tensor: index
Tensor float: bernoulli_
Tensor out: ldexp
Tensor out Scalar: subtract
Tensor out Scalar Scalar_out: _add_relu
Tensor self_Tensor self_int Tensor_out: repeat_interleave
Tensor sizes default: split
Tensor_Tensor Tensor_Tensor_out Tensor_Scalar Tensor_Scalar_out Scalar_Tensor Scalar_Tensor_out: isin
Tensor_float Tensor_float_out float_Tensor_out float_Tensor Tensor_Tensor Tensor_Tensor_out float_float
    float_float_out out: normal
bins_tensor bins_tensor_out bin_ct bin_ct_out: histogram
bool float int complex default: tensor
bool float int complex default list: as_tensor
default L: linalg_cholesky_ex
default Q: qr
default Scalar out Scalar_out: floor_divide
default Tensor int float: copy_
default Tensor low_dtype generator Tensor_generator low_generator_dtype out generator_out Tensor_out
    Tensor_generator_out low_dtype_out low_generator_dtype_out: randint_like
default TensorList: backward
default X: triangular_solve
default a: geqrf
default atol_rtol_float atol_rtol_tensor atol_rtol_tensor_out atol_rtol_float_out out rcond_tensor
    out_rcond_tensor: linalg_pinv
default center: stft
default decimals: round_
default decimals out decimals_out: round
default dim dims out dim_out dims_out: squeeze_copy
default dim out dim_out: nuclear_norm
default dim out dtype_out: mean
default dim_IntList dim_IntList_out out: count_nonzero
default dim_int int_out out: prod
default dtype: view
default dtype out dtype_out: view_copy
default eigvals: linalg_eigh
default generator low low_generator out generator_out low_out low_generator_out: randint
default grad_input: max_pool2d_with_indices_backward
default hacked_twin: index_put_
default indexing: meshgrid
default int_bins TensorList_bins: histogramdd
default inverse: linalg_inv_ex
default m out m_out: eye
default memory_format: is_contiguous
default ord_str out ord_str_out: linalg_norm
default out hacked_twin: index_put
default out p Tensor Tensor_out float_out: bernoulli
default p_str out p_str_out: linalg_cond
default padding_idx: embedding_bag
default periodic beta out periodic_out beta_out: kaiser_window
default periodic periodic_alpha periodic_alpha_beta out periodic_out periodic_alpha_out periodic_alpha_beta_out:
    hamming_window
default stable stable_out: argsort
default stable values_stable values Tensor: sort
default start start_step start_out out: arange
default str_ord out str_ord_out: linalg_matrix_norm
default sublist: einsum
default tol_tensor atol_rtol_tensor atol_rtol_float atol_rtol_tensor_out atol_rtol_float_out out out_tol_tensor:
    linalg_matrix_rank
device dtype other dtype_layout prim_Device prim_dtype prim_other: to
dim out: frobenius_norm
dim_IntList default IntList_out out: sum
from to default: random_
generator: manual_seed
int intlist: movedim
int_Tensor int_Scalar: index_fill_
int_Tensor int_Scalar int_Scalar_out int_Tensor_out: index_fill
intlist int: moveaxis
memory_format out: empty
other default dim dim_max unary_out out: max
other default dim dim_min unary_out out: min
scalarint scalararray array scalarrayint scalarrayarray tensorarrayint tensorarray: gradient
sections indices tensor_indices_or_sections: tensor_split
self ScalarOther ScalarSelf Scalar default self_out: where
self self_out tensors_out tensors tensor list: dequantize
source_Storage_storage_offset source_Tensor default source_Storage source_Tensor_storage_offset: set_
sparse_dim default: to_sparse
src value reduce value_reduce: scatter_
step default out out_: range
two: scatter_reduce_
two two_out: scatter_reduce
using_ints: flatten
value src reduce value_reduce src_out value_out reduce_out value_reduce_out: scatter
"""


def _read():
    found, overloads = {}, ()
    for line in _TEXT.strip().splitlines():
        if not line.startswith(" "):
            head, _, line = line.partition(":")
            overloads = tuple(head.split())
        found.update(dict.fromkeys(line.split(), overloads))
    return found


OVERLOADS = _read()

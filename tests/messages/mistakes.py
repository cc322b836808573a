"""Typical mistakes: a name and a call that must be refused with a message that helps."""

import io
import warnings

import numpy

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F
from flambeau.utils.data import DataLoader, RandomSampler, TensorDataset, random_split

MISTAKES = []


def mistake(call):
    MISTAKES.append(call)
    return call


def x(*sizes, dtype=torch.float32):
    return torch.zeros(sizes, dtype=dtype)


def leaf(*sizes):
    return torch.ones(sizes, requires_grad=True)


# ------------------------------------------------------------------------------------- shapes


@mistake
def linear_with_other_features():
    nn.Linear(784, 10)(x(32, 100))


@mistake
def matrices_that_do_not_fit():
    x(32, 784) @ x(10, 784)


@mistake
def stacks_that_do_not_fit():
    torch.bmm(x(2, 3, 4), x(3, 4, 5))


@mistake
def sum_of_shapes_that_do_not_broadcast():
    x(2, 3) + x(2, 4)


@mistake
def in_place_into_a_smaller_shape():
    x(3).add_(x(2, 3))


@mistake
def convolution_of_one_channel():
    nn.Conv2d(3, 8, 3)(x(2, 1, 8, 8))


@mistake
def convolution_without_channels():
    nn.Conv2d(1, 8, 3)(x(28, 28))


@mistake
def convolution_of_a_picture_smaller_than_its_kernel():
    nn.Conv2d(1, 8, 5)(x(1, 1, 3, 3))


@mistake
def pooling_too_often():
    F.max_pool2d(x(1, 8, 1, 1), 2)


@mistake
def batch_norm_of_other_channels():
    nn.BatchNorm2d(4)(x(2, 3, 8, 8))


@mistake
def batch_norm_of_one_sample():
    nn.BatchNorm1d(4)(x(1, 4))


@mistake
def layer_norm_of_other_features():
    nn.LayerNorm(8)(x(2, 4))


@mistake
def group_norm_that_does_not_divide():
    nn.GroupNorm(3, 8)


@mistake
def lstm_of_other_features():
    nn.LSTM(10, 20)(x(5, 3, 8))


@mistake
def lstm_with_a_state_of_another_batch():
    nn.LSTM(10, 20)(x(5, 3, 10), (x(1, 2, 20), x(1, 2, 20)))


@mistake
def attention_heads_that_do_not_divide():
    nn.MultiheadAttention(10, 3)


@mistake
def attention_mask_of_another_shape():
    nn.MultiheadAttention(8, 2)(x(5, 1, 8), x(5, 1, 8), x(5, 1, 8), attn_mask=x(4, 4))


@mistake
def reshape_to_another_number():
    x(2, 3).reshape(4, 2)


@mistake
def view_of_a_transpose():
    x(2, 3).t().view(6)


@mistake
def expanding_more_than_one():
    x(2, 3).expand(4, 3)


@mistake
def cat_of_other_widths():
    torch.cat([x(2, 3), x(2, 4)])


@mistake
def stack_of_other_shapes():
    torch.stack([x(2), x(3)])


@mistake
def ragged_list():
    torch.tensor([[1, 2], [3]])


@mistake
def uneven_samples_in_a_batch():
    list(DataLoader([x(2), x(3)], batch_size=2))


@mistake
def tensor_data_set_of_other_lengths():
    TensorDataset(x(3, 2), x(4))


@mistake
def einsum_with_too_many_letters():
    torch.einsum("ijk,kl->il", x(2, 3), x(3, 4))


@mistake
def singular_matrix():
    torch.linalg.inv(x(2, 2))


@mistake
def inverse_of_a_matrix_that_is_not_square():
    torch.linalg.inv(x(2, 3))


# ------------------------------------------------------------------------- classes and targets


@mistake
def class_out_of_range():
    F.cross_entropy(x(2, 3), torch.tensor([1, 3]))


@mistake
def classes_as_floats():
    F.cross_entropy(x(2, 3), x(2))


@mistake
def classes_of_another_batch():
    F.cross_entropy(x(2, 3), torch.tensor([1, 2, 0]))


@mistake
def weights_of_other_classes():
    F.cross_entropy(x(2, 3), torch.tensor([1, 2]), weight=x(4))


@mistake
def scores_as_probabilities():
    F.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([1.0]))


@mistake
def targets_without_the_last_dim():
    F.binary_cross_entropy_with_logits(x(4, 1), x(4))


@mistake
def mean_squared_error_that_broadcasts():
    F.mse_loss(x(4, 1), x(4))


@mistake
def unknown_reduction():
    F.l1_loss(x(2), x(2), reduction="average")


@mistake
def embedding_of_an_unknown_word():
    nn.Embedding(10, 4)(torch.tensor([3, 10]))


@mistake
def embedding_of_floats():
    nn.Embedding(10, 4)(x(2))


@mistake
def one_hot_of_floats():
    F.one_hot(x(2), 3)


@mistake
def dropout_in_percent():
    nn.Dropout(50)


# ------------------------------------------------------------------------------------- dtypes


@mistake
def weights_of_another_dtype():
    nn.Linear(2, 2)(x(1, 2, dtype=torch.float64))


@mistake
def convolution_of_bytes():
    nn.Conv2d(1, 1, 1)(x(1, 1, 2, 2, dtype=torch.uint8))


@mistake
def mean_of_integers():
    torch.arange(3).mean()


@mistake
def integers_that_require_grad():
    torch.arange(3).requires_grad_()


@mistake
def division_in_place_of_integers():
    torch.arange(3).div_(2)


@mistake
def sigmoid_of_integers_in_place():
    torch.arange(3).sigmoid_()


@mistake
def text_as_data():
    torch.tensor("abc")


@mistake
def text_as_dtype():
    torch.zeros(2, dtype="float32")


@mistake
def object_array():
    torch.from_numpy(numpy.array([None]))


@mistake
def where_of_numbers():
    torch.where(x(2), x(2), x(2))


# ----------------------------------------------------------------------------- dims and indices


@mistake
def index_out_of_range():
    x(3)[3]


@mistake
def too_many_indices():
    x(3)[0, 0]


@mistake
def float_as_index():
    x(3)[1.0]


@mistake
def float_tensor_as_index():
    x(3)[x(2)]


@mistake
def mask_of_another_size():
    x(3)[torch.tensor([True, False])]


@mistake
def step_backwards():
    x(3)[::-1]


@mistake
def dim_out_of_range():
    x(2, 3).sum(2)


@mistake
def dim_twice():
    x(2, 3).sum((0, 0))


@mistake
def softmax_over_a_missing_dim():
    torch.softmax(x(2), 1)


@mistake
def gather_by_floats():
    x(2, 3).gather(1, x(2, 1))


@mistake
def maximum_of_nothing():
    x(0).max()


@mistake
def item_of_many():
    x(3).item()


@mistake
def truth_of_many():
    bool(x(3))


@mistake
def length_of_a_number():
    len(torch.tensor(1.0))


# ---------------------------------------------------------------------------------- arguments


@mistake
def missing_argument():
    torch.matmul(x(2))


@mistake
def misspelt_argument():
    x(2).sum(axsis=0)


@mistake
def list_instead_of_tensor():
    torch.exp([1.0, 2.0])


@mistake
def device_that_is_not_there():
    torch.zeros(2, device="cuda")


@mistake
def unknown_device():
    torch.device("gpu")


@mistake
def split_into_parts_of_nothing():
    x(4).split(0)


# ----------------------------------------------------------------------------------- gradients


@mistake
def backward_of_a_vector():
    (leaf(3) * 2).backward()


@mistake
def backward_without_grad():
    x(3).sum().backward()


@mistake
def backward_twice():
    y = leaf(3).exp().sum()
    y.backward()
    y.backward()


@mistake
def overwriting_what_backward_needs():
    y = leaf(3).exp()
    y.mul_(2)
    y.sum().backward()


@mistake
def writing_to_a_leaf():
    leaf(3).zero_()


@mistake
def numpy_of_a_tensor_with_history():
    leaf(3).numpy()


@mistake
def gradient_of_an_unused_input():
    torch.autograd.grad(leaf(2).sum(), leaf(2))


@mistake
def gradient_of_another_shape():
    leaf(3).grad = x(2)


# -------------------------------------------------------------------- modules and their training


@mistake
def module_without_super_init():
    class Net(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    Net()


@mistake
def module_without_forward():
    nn.Module()(x(1))


@mistake
def tensor_as_parameter():
    nn.Linear(1, 1).weight = x(1, 1)


@mistake
def state_of_another_model():
    nn.Linear(2, 2).load_state_dict(nn.Linear(3, 3, bias=False).state_dict())


@mistake
def optimizer_without_parameters():
    torch.optim.SGD([], lr=0.1)


@mistake
def optimizer_of_one_tensor():
    torch.optim.SGD(leaf(2), lr=0.1)


@mistake
def negative_learning_rate():
    torch.optim.Adam([leaf(2)], lr=-1.0)


@mistake
def schedule_before_the_optimizer():
    optimizer = torch.optim.SGD([leaf(2)], lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 1).step()


@mistake
def shuffle_and_sampler():
    data = TensorDataset(x(3))
    DataLoader(data, shuffle=True, sampler=RandomSampler(data))


@mistake
def sampler_of_an_empty_data_set():
    DataLoader([], shuffle=True)


@mistake
def split_of_another_length():
    random_split(range(10), [5, 4])


@mistake
def batch_of_strangers():
    list(DataLoader([object()]))


# --------------------------------------------------------------- names, and what a beginner mistakes


@mistake
def name_with_a_letter_less():
    torch.tensr([1])


@mistake
def name_that_lives_elsewhere():
    torch.one_hot(x(3).long())


@mistake
def name_of_numpy():
    torch.array([1])


@mistake
def loss_of_other_shapes():
    F.l1_loss(x(4, 3), x(4, 2))


@mistake
def loss_module_made_with_the_data():
    nn.CrossEntropyLoss(x(4, 3), x(4).long())


@mistake
def difference_of_masks():
    (x(3) > 0) - (x(3) > 1)


@mistake
def minus_for_not():
    -(x(3) > 0)


@mistake
def not_of_numbers():
    ~x(3)


@mistake
def rounding_of_complex_numbers():
    torch.floor(x(3, dtype=torch.complex64))


@mistake
def resizing_without_channels():
    F.interpolate(x(4, 4), scale_factor=2)


@mistake
def systems_of_other_batches():
    torch.linalg.solve(x(2, 3, 3), x(4, 3, 3))


@mistake
def distribution_of_other_shapes():
    torch.distributions.Normal(x(2), x(3))


@mistake
def file_that_is_no_checkpoint():
    torch.load(io.BytesIO(b"import os"))


def message_of(call):
    """TypeName: message of what the call raises; its warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            call()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    raise AssertionError(f"{call.__name__}: nothing was raised")

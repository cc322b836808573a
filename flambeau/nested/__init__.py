"""Nested tensors: sequences of unequal lengths as one tensor, their elements in a row in memory (jagged).

Pointwise operators, products, norms, softmax, attention, reductions and what takes sequences apart, with gradients.
What is not offered raises NotImplementedError; unbind() and to_padded_tensor() give ordinary tensors.
Read: tensor.py, operators.py, along.py, arrange.py, attention.py.
"""

from ..nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".tensor": "NestedTensor as_nested_tensor masked_select nested_tensor nested_tensor_from_jagged",
        ".operators": "narrow to_padded_tensor",
    },
)

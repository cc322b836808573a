"""Timing small pieces of code, and tables that compare them.

Read: timer.py, measurement.py, compare.py; fuzzer.py makes operands by chance.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".timer": "Timer Language timer",
        ".measurement": "Measurement TaskSpec ordered_unique select_unit set_torch_threads trim_sigfig unit_to_english",
        ".compare": "Compare Colorize",
        ".fuzzer": "Fuzzer FuzzedParameter FuzzedTensor ParameterAlias",
    },
)

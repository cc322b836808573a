"""What test suites written for PyTorch's own helpers import: common_utils, common_device_type, common_dtype.

Only what tests of other packages use; PyTorch's own suites want far more.
"""

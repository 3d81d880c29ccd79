"""Neural-network training on any GPU through WebGPU, and on the processor where there is none.

>>> from anygrad import AnygradClassifier, AnygradRegressor, Net
"""

from ._anygrad import DeviceError, DivergenceError, __version__
from ._base import NotFittedError
from ._classifier import AnygradClassifier
from ._net import Net
from ._regressor import AnygradRegressor
from ._tools import Explanation, devices, explain, gradcheck, plan

__all__ = [
    "AnygradClassifier",
    "AnygradRegressor",
    "DeviceError",
    "DivergenceError",
    "Explanation",
    "Net",
    "NotFittedError",
    "__version__",
    "devices",
    "explain",
    "gradcheck",
    "plan",
]

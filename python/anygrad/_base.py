"""What scikit-learn asks of an estimator, without importing scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any


def _sklearn(module: str, name: str) -> Any:
    """A name from scikit-learn if that is installed, else None."""
    try:
        return getattr(__import__(f"sklearn.{module}", fromlist=[name]), name)
    except ImportError:
        return None


class NotFittedError(ValueError, AttributeError):
    """Raised where an estimator is asked before it is fitted, if scikit-learn, which has its own, is absent."""


def not_fitted(estimator: Any) -> Exception:
    """The error of asking an estimator that is not fitted."""
    kind = _sklearn("exceptions", "NotFittedError") or NotFittedError
    return kind(f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' before using this method.")


class Estimator:
    """Parameters, tags and the metadata of methods, as scikit-learn's ``BaseEstimator`` has them."""

    _estimator_type: str

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in parameters if p.name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            There for scikit-learn; no parameter is an estimator.

        Returns
        -------
        dict
            Names and values.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Estimator:
        """Set parameters.

        Parameters
        ----------
        **params
            Names and values.

        Returns
        -------
        self
        """
        known = self._defaults()
        for name, value in params.items():
            if name not in known:
                message = f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {list(known)!r}."
                raise ValueError(message)
            setattr(self, name, value)
        return self

    def _changed(self, defaults: dict[str, Any] | None = None) -> dict[str, Any]:
        """Parameters that differ from their defaults."""
        defaults = self._defaults() if defaults is None else defaults

        def differs(value: Any, default: Any) -> bool:
            return type(value) is not type(default) or repr(value) != repr(default)

        return {n: getattr(self, n) for n, default in defaults.items() if differs(getattr(self, n), default)}

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._changed().items())
        own = f"{type(self).__name__}({inside})"
        cut = N_CHAR_MAX // 2
        return own if len(own) <= N_CHAR_MAX else f"{own[:cut]}...{own[-cut:]}"

    def __sklearn_is_fitted__(self) -> bool:
        return getattr(self, "_run", None) is not None

    def _check_is_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)

    # --- metadata routing -------------------------------------------------------------------------------------------

    _methods = ("fit", "partial_fit", "score")

    def get_metadata_routing(self) -> Any:
        """What metadata the methods ask for, as scikit-learn's metadata routing wants to know it.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRequest
        """
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        asked = getattr(self, "_metadata_request", {})
        for method in self._methods:
            for name in self._metadata_of(method):
                getattr(request, method).add_request(param=name, alias=asked.get(method, {}).get(name))
        return request

    def _metadata_of(self, method: str) -> list[str]:
        function = getattr(type(self), method, None)
        if function is None:
            return []
        return [name for name in inspect.signature(function).parameters if name not in ("self", "X", "y")]

    def _set_request(self, method: str, **requests: Any) -> Estimator:
        known = self._metadata_of(method)
        for name in requests:
            if name not in known:
                raise TypeError(f"Unexpected args: {{{name!r}}} in {method}. Accepted arguments are: {set(known)}")
        all_requests = {m: dict(of) for m, of in getattr(self, "_metadata_request", {}).items()}
        all_requests.setdefault(method, {}).update(requests)
        self._metadata_request = all_requests
        return self

    def set_fit_request(self, **requests: bool | str | None) -> Estimator:
        """Say whether metadata such as ``sample_weight`` is passed to ``fit`` by scikit-learn's metadata routing.

        Parameters
        ----------
        **requests : bool, str or None
            For each name: True to ask for it, False not to, a string to ask for it by another name.

        Returns
        -------
        self
        """
        return self._set_request("fit", **requests)

    def set_partial_fit_request(self, **requests: bool | str | None) -> Estimator:
        """Say whether metadata is passed to ``partial_fit``; see ``set_fit_request``.

        Parameters
        ----------
        **requests : bool, str or None
            Names and wishes.

        Returns
        -------
        self
        """
        return self._set_request("partial_fit", **requests)

    def set_score_request(self, **requests: bool | str | None) -> Estimator:
        """Say whether metadata is passed to ``score``; see ``set_fit_request``.

        Parameters
        ----------
        **requests : bool, str or None
            Names and wishes.

        Returns
        -------
        self
        """
        return self._set_request("score", **requests)

    def __sklearn_clone__(self) -> Estimator:
        from copy import deepcopy

        params = {n: _cloned(v) for n, v in self.get_params().items()}
        own = type(self)(**params)
        if hasattr(self, "_metadata_request"):
            own._metadata_request = deepcopy(self._metadata_request)
        for name, value in params.items():
            if getattr(own, name) is not value:
                raise RuntimeError(f"Cannot clone object {self}: the constructor changes the parameter {name}")
        return own

    # --- tags -------------------------------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True, multi_output=not is_classifier),
            transformer_tags=None,
            classifier_tags=ClassifierTags(multi_label=True) if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(allow_nan=True, string=True, categorical=True),
        )


def _cloned(value: Any) -> Any:
    """A copy as scikit-learn's ``clone`` makes it of a parameter."""
    from copy import deepcopy

    clone = _sklearn("base", "clone")
    return clone(value, safe=False) if clone else deepcopy(value)

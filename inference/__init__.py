"""Diabetic retinopathy analysis of colour fundus photographs.

``analyse(image, model="unet") -> Analysis`` is the whole public surface for callers that want a result. Importing this
package is cheap: the networks and their engines are loaded when the first photograph is analysed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.analysis import Analysis, analyse

__all__ = ["Analysis", "analyse"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from inference import analysis

        return getattr(analysis, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

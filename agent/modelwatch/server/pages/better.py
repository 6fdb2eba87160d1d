"""Which values of a metric are better, as far as its name tells."""

from __future__ import annotations

from typing import Final

_LESS_IS_BETTER: Final = ("loss", "error", "mse", "mae", "rmse", "perplexity", "wer", "cer")
_MORE_IS_BETTER: Final = ("accuracy", "acc", "auc", "precision", "recall", "f1", "bleu", "map", "iou", "r2", "score", "reward")


def more_is_better(key: str) -> bool | None:
    """Return whether a higher value of a metric is better, as its name tells; None when it does not."""
    parts = key.lower().replace("/", "_").replace("-", "_").split("_")
    if any(part in _LESS_IS_BETTER for part in parts):
        return False
    return True if any(part in _MORE_IS_BETTER for part in parts) else None

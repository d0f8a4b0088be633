"""The weights with the best validation score."""

from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, which goes on where the folder has been moved too.

    Lightning's own would forget the best score then, and the next one would pass for it.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the best scores, with the files where they lie now."""
        here = Path(str(self.dirpath))

        def moved(path: str) -> str:
            return str(here / Path(path).name) if path else path

        scores = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        names = ("best_model_path", "kth_best_model_path", "last_model_path")
        paths = {name: moved(state_dict[name]) for name in names}
        moved_state = {**state_dict, **paths, "dirpath": self.dirpath, "best_k_models": scores}
        super().load_state_dict(moved_state)

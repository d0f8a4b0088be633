"""The best weights stay the best ones when a training goes on, elsewhere too."""

from types import SimpleNamespace

import pytest
import torch

from vton_aux.callbacks.best import BestCheckpoint
from vton_aux.fit import _was_better


@pytest.mark.parametrize(
    ("mode", "last", "better"),
    [("max", 0.5, True), ("max", 0.9, False), ("min", 0.5, False), ("min", 0.95, True)],
)
def test_the_last_step_may_be_the_best(mode, last, better):
    kept = BestCheckpoint(monitor="val/x", mode=mode)
    kept.best_model_score = torch.tensor(0.9)
    trainer = SimpleNamespace(checkpoint_callbacks=[kept])
    assert _was_better(trainer, SimpleNamespace(best=("val/x", mode)), {"val/x": last}) is better


def test_a_moved_folder_keeps_its_best_score(tmp_path):
    before = BestCheckpoint(tmp_path / "old", filename="best", monitor="iou", mode="max")
    file, score = str(tmp_path / "old" / "best.ckpt"), torch.tensor(0.9)
    before.best_model_score, before.best_model_path = score, file
    before.best_k_models, before.kth_best_model_path, before.kth_value = {file: score}, file, score
    after = BestCheckpoint(tmp_path / "new", filename="best", monitor="iou", mode="max")
    after.load_state_dict(before.state_dict())
    moved = str(tmp_path / "new" / "best.ckpt")
    assert (after.best_model_path, after.kth_best_model_path) == (moved, moved)
    assert after.best_k_models == {moved: score}
    assert after.kth_value == score
    assert after.last_model_path == ""
    assert after.best_model_score == score

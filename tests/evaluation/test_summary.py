import pandas as pd
import pytest

from vton_aux.evaluation.summary import segmentation_scores


def test_the_mean_is_over_the_classes_of_the_truth_not_over_those_of_the_guess():
    """Half of a background is taken for hair, over two pictures."""
    table = pd.DataFrame({"true_background": [60, 40], "true_hair": [0, 0]})
    table["predicted_background"], table["predicted_hair"] = [40, 10], [20, 30]
    table["inter_background"], table["inter_hair"] = [40, 10], [0, 0]
    scores = segmentation_scores(table)
    assert scores["segmentation_iou"] == pytest.approx(0.5)
    assert scores["class_iou"] == {"background": pytest.approx(0.5), "hair": 0.0}

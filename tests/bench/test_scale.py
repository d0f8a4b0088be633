import pytest

from vton_aux.bench.scale import GPU, table1_on_paper
from vton_aux.errors import UserError


def results(precision="bf16", **work):
    rows = []
    for section, (plain, head) in work.items():
        for name, gflop in (("", plain), (" + auxiliary head", head)):
            rows.append(
                {"section": section, "name": f"{section} {precision}{name}, as trained",
                 "gflop_per_image": gflop, "images_per_second": 100.0}
            )  # fmt: skip
    return {"machine": {"gpu": None}, "rows": rows}


def test_five_trainings_of_800_000_images():
    shown = table1_on_paper(
        results(gmm=(30, 40), tom_vgg=(160, 170)), 0.5, gpus=[GPU("card", 1000, 6.0)]
    )
    cells = {
        line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]]
        for line in shown.splitlines()
    }
    # 30 GFLOP x 800,000 = 24 PFLOP: 48 s at 500 TFLOP/s; 800,000 / 100 / 3600 = 2.2 h here
    assert cells["GMM"] == ["30.0", "24", "2.2 h", "0.8"]
    # 30 + 40 + 160 + 2 x 170 GFLOP: 456 PFLOP, 912 s = 15.2 min
    assert cells["**Table 1**"] == ["", "**456**", "**11 h**", "**15**"]
    assert cells["on eight cards, min"][-2:] == ["", "1.9"]
    assert cells["dollars, one card or eight"][-2:] == ["", "1.52"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_training_that_was_measured_is_taken(precision):
    shown = table1_on_paper(results(precision, gmm=(100, 100), tom_vgg=(100, 100)), 0.3)
    assert "| **Table 1** | | **400** | **11 h** |" in shown


def test_what_was_not_measured_is_told():
    with pytest.raises(UserError, match="tom_vgg bf16, as trained: not measured"):
        table1_on_paper(results(gmm=(30, 40)), 0.3)


@pytest.mark.parametrize(("fraction", "batch"), [(0, 4), (30, 4), (float("nan"), 4), (0.3, 0)])
def test_numbers_without_sense_are_told(fraction, batch):
    with pytest.raises(UserError, match="--fraction"):
        table1_on_paper(results(gmm=(30, 40), tom_vgg=(160, 170)), fraction, batch)


def test_a_larger_batch_is_taken_from_the_growth_curve():
    rows = []
    for section in ("gmm", "tom_vgg"):
        for head in ("", " + auxiliary head"):
            rows.append(
                {"section": f"batch_{section}", "name": f"{section} batch 64{head}",
                 "gflop_per_image": 100, "images_per_second": 4000.0}
            )  # fmt: skip
    # 800,000 / 4,000 = 200 s = 3.3 min each
    shown = table1_on_paper({"machine": {"gpu": "NVIDIA H200"}, "rows": rows}, 0.3, batch=64)
    assert "| GMM | 100.0 | 80 | 3.3 min |" in shown
    assert "| **Table 1** | | **400** | **17 min** |" in shown
    assert "| on eight cards, min | | | 2.1 min |" in shown
    assert "| dollars, one card or eight | | | 1.11 |" in shown  # 1000 s of 4 an hour
    with pytest.raises(UserError, match=r"gmm batch 16: not measured; .*--sections batch_gmm"):
        table1_on_paper({"machine": {"gpu": "NVIDIA H200"}, "rows": rows}, 0.3, batch=16)

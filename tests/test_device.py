"""What a device is slow at."""

import pytest
import torch

from vton_aux import device
from vton_aux.device import FULL, MIXED, pick_device, warn_of_slowness
from vton_aux.errors import UserError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("precision", "computes", "warned"),
    [(MIXED, False, True), (MIXED, True, False), (FULL, False, False)],
)
def test_bf16_that_is_emulated_is_told(precision, computes, warned, monkeypatch, capsys):
    monkeypatch.setattr(device, "computes_bf16", lambda _: computes)
    warn_of_slowness(CPU, precision)
    assert ("no bf16 instructions" in capsys.readouterr().err) == warned


@pytest.mark.parametrize(
    ("compiling", "on", "warned"),
    [("compile=true", "cpu", True), ("speed.compile=default", "cuda", False), (None, "cpu", False)],
)
def test_compiling_for_a_cpu_is_told(compiling, on, warned, capsys):
    warn_of_slowness(torch.device(on), FULL, compiling)
    assert ("compile" in capsys.readouterr().err) == warned


def test_a_device_without_float64_is_refused():
    with pytest.raises(UserError, match=r"device=meta: .*choose cpu or cuda"):
        pick_device("meta")

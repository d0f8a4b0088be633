"""Where bf16 is computed and where it is emulated."""

import pytest
import torch

from vton_aux import device
from vton_aux.device import FULL, MIXED, warn_of_emulation

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("precision", "computes", "warned"),
    [(MIXED, False, True), (MIXED, True, False), (FULL, False, False)],
)
def test_bf16_that_is_emulated_is_told(precision, computes, warned, monkeypatch, capsys):
    monkeypatch.setattr(device, "computes_bf16", lambda _: computes)
    warn_of_emulation(precision, CPU)
    assert ("no bf16 instructions" in capsys.readouterr().err) == warned

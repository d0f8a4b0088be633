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


@pytest.mark.parametrize("name", ["meta", "mps", "nonsense"])
def test_a_device_without_float64_is_refused(name):
    with pytest.raises(UserError, match=rf"^device={name}: .{{1,60}}; choose cpu or cuda$"):
        pick_device(name)


@pytest.mark.parametrize(("avx512", "amx"), [(False, False), (True, False), (False, True)])
def test_a_processor_with_avx512_alone_computes_no_bf16(avx512, amx, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert device.computes_bf16(CPU) is (avx512 or amx)

"""Choosing the device and the precision for inference."""

import platform
import sys

import torch

from vton_aux.errors import UserError


def pick_device(name: str, rank: int = 0) -> torch.device:
    """The device of that name; "auto" is a GPU, or the CPU where there is none.

    Process `rank` takes the GPU of its number, and begins again where there are fewer.

    Raises:
        UserError: there is no such device.
    """
    if name == "auto":
        count = torch.cuda.device_count()
        return torch.device("cuda", rank % count) if count else torch.device("cpu")
    if name.partition(":")[0] not in ("cpu", "cuda"):
        raise UserError(f"device={name}: I_p needs float64, which it may lack; choose cpu or cuda")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={name}: not to be had here ({reason})") from None
    return device


FULL, MIXED = "32-true", "bf16-mixed"  # Lightning's words


def computes_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 instructions; a CPU without emulates it, 30 times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and platform.machine().lower() in ("x86_64", "amd64"):
        # oneDNN says yes to every AVX512, most of which lack them
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def warn_of_slowness(device: torch.device, precision: str, compiling: str | None = None) -> None:
    """Tell on stderr which settings make this device slower (docs/speed.md).

    Args:
        device: that computes.
        precision: `FULL` or `MIXED`.
        compiling: the setting KEY=VALUE that asks for torch.compile, if any.
    """
    if precision == MIXED and not computes_bf16(device):
        print(
            f"warning: precision={precision}: this processor has no bf16 instructions and "
            f"emulates them, far slower than {FULL}",
            file=sys.stderr,
        )
    if compiling is not None and device.type == "cpu":
        print(
            f"warning: {compiling}: compiling does not pay on a CPU; leave it out", file=sys.stderr
        )


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The region in which networks compute in bfloat16 where `precision` is "bf16-mixed".

    Raises:
        UserError: there is no such precision.
    """
    if precision not in (FULL, MIXED):
        raise UserError(f"precision={precision}: choose {FULL} or {MIXED}")
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == MIXED)

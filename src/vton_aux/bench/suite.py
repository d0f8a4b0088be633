"""The sections of the suite and the cases of each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vton_aux.bench.case import Case, Kind

STEPS = {"gmm": ("gmm", False), "tom": ("tom", False), "tom_vgg": ("tom", True)}
HEADS = {"": False, " + auxiliary head": True}
LARGE = 64  # the batch at which a GPU is measured with the auxiliary head too
GRAPHS = {"compile": "reduce-overhead"}  # what speed=gpu adds


def sections(
    root: str,
    packed: str,
    source: str | None,
    gpu: bool,
    bf16: bool,
    pairs: int = 10_000,
    processes: int = 2,
) -> dict[str, list[Case]]:
    """Every section by name.

    Args:
        root: a VITON folder.
        packed: its packed training split.
        source: a checkout of CP-VTON's public code, or None to leave the comparison out.
        gpu: whether the networks run on a GPU, which has other batch sizes worth a look.
        bf16: whether the device computes in bf16; else all is float32.
        pairs: of the folder's training list.
        processes: how many can train side by side; on GPUs each takes one.
    """
    suite = {
        "machine": machine(bf16),
        "loader": loader(root, packed, source, gpu, bf16),
        **{name: steps(name, source, gpu, bf16) for name in STEPS},
        "inference": inference(source, gpu, bf16),
        "metrics": metrics(gpu),
        **{f"switches_{name}": switches(name, gpu, bf16) for name in STEPS},
        **{f"batch_{name}": batches(name, gpu, bf16) for name in STEPS},
        "fed": fed(root, packed, gpu, bf16),
        "size": [
            _step(f"{stage} {h}x{w}", stage, bf16=bf16, size=[h, w])
            for stage in ("gmm", "tom")
            for h, w in ((128, 96), (256, 192), (512, 384))
        ],
        "workers": [
            Case(f"files, {n} workers", "loader", {"root": root, "workers": n}) for n in (0, 1, 2)
        ],
        "data": [
            Case(f"packed, {n} pairs", "loader", {"root": root, "packed": packed, "pairs": n})
            for n in (100, 1000, 10000)
            if n <= 0.9 * pairs  # a twentieth of the photos are validation's, with all their copies
        ],
        "processes": [
            Case(f"{n} processes", "processes", {"count": n, "bf16": bf16}, precision=_short(bf16))
            for n in (1, 2, 4, 8)
            if n <= processes
        ],
    }
    return suite


def machine(bf16: bool) -> list[Case]:
    """What the machine can do at most: matrix products and copies."""
    types = [("float32", "fp32"), *([("bfloat16", "bf16")] if bf16 else [])]
    return [
        *(
            Case(f"matmul {dtype} {n}", "matmul", {"size": n, "dtype": dtype}, precision=short)
            for dtype, short in types
            for n in (2048, 4096, 8192)
        ),
        Case("copy, MB/s", "copy", {"megabytes": 256}),
    ]


def loader(root: str, packed: str, source: str | None, gpu: bool, bf16: bool) -> list[Case]:
    """Batches of 4 into the training process, on one core."""
    data = {"root": root}
    cases = [
        Case("files", "loader", data),
        Case("packed", "loader", {**data, "packed": packed}),
        *(
            Case(
                f"packed, with I_p in {_short(half)} and targets",
                "loader", {**data, "packed": packed, "represent": True, "bf16": half},
            )
            for half in _precisions(bf16)
        ),
    ]  # fmt: skip
    if gpu:  # on a CPU it would be the packed arrays once more
        resident = {**data, "packed": packed, "resident": True}
        cases.append(Case("resident", "loader", resident))
        cases.append(Case(f"resident, batch {LARGE}", "loader", {**resident, "batch": LARGE}))
    return _beside("loader", cases, source, data, threads=1)


def steps(name: str, source: str | None, gpu: bool, bf16: bool) -> list[Case]:
    """A stage's training step, batch 4 at 256x192; on a GPU bf16 is compiled to CUDA graphs.

    The networks' inputs are ready, as in the reference's loop; "as trained" starts from the uint8
    batch and has TOM's frozen GMM in it, "in Lightning" also what `vton-aux train` does around it.
    """
    stage, vgg = STEPS[name]
    speed = _speed(gpu)
    ready = [
        _step(
            f"{name} {_short(half)}{head}",
            stage, bf16=half, aux=aux, vgg=vgg, speed=speed if half else {},
        )
        for half in _precisions(bf16)
        for head, aux in HEADS.items()
    ]  # fmt: skip
    trained = [
        _step(
            f"{name} {_short(bf16)}{head}, as trained",
            stage, bf16=bf16, aux=aux, vgg=vgg, whole=True, speed=speed,
        )
        for head, aux in HEADS.items()
    ]  # fmt: skip
    label = f"{trained[0].name}, in Lightning"
    looped = replace(_step(label, stage, bf16=bf16, vgg=vgg, speed=speed), kind="fit")
    return _beside("step", [*ready, *trained, looped], source, {"stage": stage, "vgg": vgg})


def inference(source: str | None, gpu: bool, bf16: bool) -> list[Case]:
    """GMM, warp and TOM for one person and for four; on a GPU for many, and compiled."""
    return [
        case
        for batch in ((1, 4, LARGE) if gpu else (1, 4))
        for case in _beside(
            "infer",
            [
                Case(f"{_short(half)}, batch {batch}", "infer", {"batch": batch, "bf16": half},
                     precision=_short(half))
                for half in _precisions(bf16)
            ] + [
                Case(f"{_short(bf16)}, batch {batch}, compiled", "infer",
                     {"batch": batch, "bf16": bf16, "compile": True}, precision=_short(bf16))
                for _ in range(gpu)
            ],
            source,
            {"batch": batch},
        )
    ]  # fmt: skip


def metrics(gpu: bool) -> list[Case]:
    """The scores, and what a batch goes through before the networks."""
    large = {"batch": LARGE, "bf16": True, "compile": GRAPHS["compile"]}
    return [
        Case("SSIM, MS-SSIM, PSNR", "metrics", {"what": "similarity"}),
        Case("SSIM and the scores by region", "metrics", {"what": "regions"}),
        Case("I_p and targets", "representation"),
        *([Case(f"I_p and targets, batch {LARGE}", "representation", large)] if gpu else []),
    ]


def switches(name: str, gpu: bool, bf16: bool) -> list[Case]:
    """What each switch brings: one changed at a time, from the defaults."""
    stage, vgg = STEPS[name]
    default = f"default, {_short(bf16)}"

    def case(label: str, bf16: bool = bf16, **changed: Any) -> Case:
        speed = {**_speed(gpu), **changed}
        made = _step(f"{name} {label}", stage, bf16=bf16, vgg=vgg, whole=True, speed=speed)
        return replace(made, against=f"{name} {default}", malloc=changed.get("malloc", True))

    return [
        case(default),
        *([case("fp32", bf16=False)] if bf16 else []),
        case("without channels_last", channels_last=False),
        case("without fused_adam", fused_adam=False),
        case("without malloc", malloc=False),
        case("without CUDA graphs" if gpu else "with compile", compile="default"),
        *([case("without compile", compile=None)] if gpu else []),
        case(
            "all off, fp32",
            bf16=False, channels_last=False, fused_adam=False, malloc=False, compile=None,
        ),
    ]  # fmt: skip


def batches(name: str, gpu: bool, bf16: bool) -> list[Case]:
    """Growth with the batch size, as trained."""
    stage, vgg = STEPS[name]
    sizes = [(n, "") for n in ((4, 16, LARGE, 128) if gpu else (1, 2, 4, 8, 16))]
    if gpu:
        sizes.append((LARGE, " + auxiliary head"))
    alone = [
        _step(
            f"{name} batch {n}{head}",
            stage, bf16=bf16, aux=HEADS[head], vgg=vgg, whole=True, batch=n, speed=_speed(gpu),
        )
        for n, head in sizes
    ]  # fmt: skip
    label = f"{name} batch {LARGE}"
    looped = _step(f"{label}, in Lightning", stage, bf16, vgg=vgg, batch=LARGE, speed=_speed(gpu))
    return alone + [replace(looped, kind="fit", against=label) for _ in range(gpu)]


def fed(root: str, packed: str, gpu: bool, bf16: bool) -> list[Case]:
    """What loading costs a step: each stage on one batch again and again, and on the next one, on a
    GPU of the resident data and of the packed ones."""
    data = {"root": root, "packed": packed}
    ways = {"loading": {**data, "resident": True}, "loading packed": data}
    cases = []
    for name, (stage, vgg) in STEPS.items():
        options: dict[str, Any] = {"vgg": vgg, "whole": True, "batch": LARGE if gpu else 4}
        alone, *loading = (
            _step(f"{name}, {label}", stage, bf16, speed=_speed(gpu), data=read, **options)
            for label, read in {"one batch": None, **(ways if gpu else {"loading": data})}.items()
        )
        cases += [alone, *(replace(case, against=alone.name) for case in loading)]
    return cases


def _speed(gpu: bool) -> dict[str, str]:
    return dict(GRAPHS) if gpu else {}


def _step(name: str, stage: str, bf16: bool, **options: Any) -> Case:
    options = {key: value for key, value in options.items() if value}
    return Case(name, "step", {"stage": stage, "bf16": bf16, **options}, precision=_short(bf16))


def _short(bf16: bool) -> str:
    return "bf16" if bf16 else "fp32"


def _precisions(bf16: bool) -> tuple[bool, ...]:
    return (False, True) if bf16 else (False,)


def _beside(
    kind: Kind, cases: Sequence[Case], source: str | None, options: dict[str, Any], threads: int = 0
) -> list[Case]:
    """`cases` behind the reference's own, which runs with the malloc that its users have."""
    cases = [replace(case, threads=threads) for case in cases]
    if source is None:
        return cases
    label = f"reference, batch {options['batch']}" if "batch" in options else "reference"
    theirs = Case(label, kind, {**options, "source": source}, threads=threads, malloc=False)
    return [theirs, *(replace(case, against=theirs.name) for case in cases)]

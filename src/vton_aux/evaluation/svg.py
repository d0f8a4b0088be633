"""Writing SVG: elements as text, and labels with subscripts."""

import base64
import io
import re
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt
from PIL import Image

Attribute = str | float | None


def element(tag: str, *children: str, **attributes: Attribute) -> str:
    """`<tag ...>children</tag>`; underscores in attribute names are hyphens, None is left out."""
    written = "".join(
        f" {name.rstrip('_').replace('_', '-')}={quoteattr(_value(value))}"
        for name, value in attributes.items()
        if value is not None
    )
    content = "".join(children)
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def label(text: str, size: float) -> str:
    """Escaped text in which `I_{p}` is written with a subscript."""
    drop = size * 0.28
    out, lowered = "", False
    for number, part in enumerate(re.split(r"_\{(.+?)\}", text)):
        if number % 2:
            out += element("tspan", escape(part), dy=drop, font_size=size * 0.72)
        elif part:
            out += element("tspan", escape(part), dy=-drop) if lowered else escape(part)
        lowered = number % 2 == 1
    return out


def data_url(picture: npt.NDArray[np.uint8], kind: str = "JPEG", height: int = 320) -> str:
    """The picture inside a URL, shrunk to at most `height` rows."""
    image = Image.fromarray(picture)
    if image.height > height:
        width = round(image.width * height / image.height)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format=kind, quality=82)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")

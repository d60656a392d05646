"""Figures of other libraries as the bytes of a file, in the format that the file's ending names."""

from __future__ import annotations

import io
import os

from gittrack.errors import InvalidValue


def figure_bytes(figure: object, path: str) -> bytes:
    """Return `figure` (matplotlib, plotly, or PIL's Image) written in the format that `path` ends in.

    None of these libraries is imported here: the figure brings its own methods.
    """
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    if not ending:
        raise InvalidValue(f"figure {path!r} needs an ending that names its format, such as {path + '.png'!r}")
    buffer = io.BytesIO()
    if hasattr(figure, "savefig"):  # matplotlib, seaborn's grids
        figure.savefig(buffer, format=ending)
    elif hasattr(figure, "to_html") and hasattr(figure, "to_json") and hasattr(figure, "to_image"):  # plotly
        if ending == "html":
            return str(figure.to_html(include_plotlyjs="cdn")).encode()
        if ending == "json":
            return str(figure.to_json()).encode()
        return bytes(figure.to_image(format=ending))
    elif hasattr(figure, "save") and hasattr(figure, "getbands"):  # PIL
        figure.save(buffer, format={"jpg": "jpeg"}.get(ending, ending))
    else:
        raise InvalidValue(f"log_figure takes a figure of matplotlib, plotly or PIL, not {type(figure).__name__}")
    return buffer.getvalue()

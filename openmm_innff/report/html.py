"""Pieces of HTML of which reports are made, and the page around them."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from string import Template

from matplotlib.figure import Figure

from openmm_innff.files import atomic_write
from openmm_innff.plotstyle import DPI, style

Facts = Sequence[tuple[str, str]]


def write_page(
    path: Path, title: str, lead: str, tiles: Iterable[str], sections: Iterable[str]
) -> None:
    """Write a page that needs no other file.

    Parameters
    ----------
    path
        HTML file to write, atomically.
    title, lead
        Heading, and a sentence below it; plain text.
    tiles, sections
        HTML of the tiles below, and of the rest.
    """
    template = Template((resources.files(__package__) / "page.html").read_text("utf-8"))
    with atomic_write(path) as file:
        file.write(
            template.substitute(
                title=escape(title),
                lead=escape(lead),
                tiles="\n".join(tiles),
                sections="\n".join(sections),
            )
        )


def image(figure: Figure, description: str) -> str:
    """Embed a figure; the description is for those who can't see it."""
    return picture(png(figure), description)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def picture(content: bytes, description: str) -> str:
    """Embed a PNG file; the description is for those who can't see it."""
    data = base64.b64encode(content).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(description)}">'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table whose columns but the first hold numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        first, *others = map(escape, cells)
        numbers = "".join(f'<{tag} class="number">{cell}</{tag}>' for cell in others)
        return f"<tr><{tag}>{first}</{tag}>{numbers}</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def facts_table(facts: Facts) -> str:
    """Make a table of names and values."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts
    )
    return f'<table class="facts">{rows}</table>'


def tile(value: str, text: str) -> str:
    """Show a value and what it is."""
    return f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>'


def heading(text: str) -> str:
    """Make a heading."""
    return f"<h2>{escape(text)}</h2>"


def note(text: str) -> str:
    """Make a paragraph in small print."""
    return f'<p class="note">{escape(text)}</p>'


def escape(text: str) -> str:
    """Escape plain text."""
    return html.escape(str(text))

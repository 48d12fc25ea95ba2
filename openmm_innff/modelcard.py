"""A model card as text for people."""

from typing import TYPE_CHECKING, Any

from ase import Atoms
from rich.console import Group, RenderableType
from rich.table import Table

from openmm_innff.modelfile import ModelCard, SafeSteps, parameter_count
from openmm_innff.potential import BondedConfig, ComponentConfig, EquivariantConfig, Potential
from openmm_innff.potential.uncertainty import Uncertainty

if TYPE_CHECKING:
    from collections.abc import Mapping


def format_card(
    potential: Potential, card: ModelCard, uncertainty: Uncertainty | None = None
) -> RenderableType:
    """Return a printable model card."""
    grid = Table(title=f"{card.name}", title_justify="left", show_header=False, box=None)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    count, distilled = parameter_count(potential), potential.config.distilled
    second = "whole" if distilled else "slow"
    rows = {
        "description": card.description,
        "elements": " ".join(potential.elements),
        **({"molecule": _molecule(card)} if card.molecule else {}),
        "fast part": _kind(potential.config.fast),
        "whole energy" if distilled else "slow part": _kind(potential.config.slow),
        **({"slow part": "the whole less the fast part"} if distilled else {}),
        "cutoffs": f"fast {potential.cutoff('fast')} A, slow {potential.cutoff('slow')} A",
        "parameters": f"{count['total']} (fast {count['fast']}, {second} {count['slow']})",
        "bonds of hydrogen": ", ".join(
            f"{symbol}-H {length:.3f} A" for symbol, length in card.hydrogen_bond_lengths.items()
        ),
        "level of theory": card.level_of_theory,
        "data": card.data,
        "licence of the data": card.data_licence,
        "hash of the data": card.data_sha256,
        "licence of the model": card.licence,
        "safe steps": _steps(card),
        "uncertainty": _known(uncertainty),
        "created": f"{card.created}, openmm-innff {card.version}",
    }
    for name, value in rows.items():
        grid.add_row(name, value or "not stated")
    return Group(
        grid,
        _table("Errors on validation data", card.errors),
        _table("Valid range", card.valid_range),
        _table("Training", card.training),
    )


def _molecule(card: ModelCard) -> str:
    return f"{Atoms(card.molecule['numbers']).get_chemical_formula()} alone"


def _kind(config: ComponentConfig | EquivariantConfig | BondedConfig) -> str:
    if isinstance(config, BondedConfig):
        return f"bonds, angles and contacts; knows {', '.join(config.environments)}"
    if isinstance(config, EquivariantConfig):
        return f"two layers of equivariant tensors ({config.channels} channels)"
    if config.messages:
        kind = "scalars and vectors" if config.vectors else "scalars"
        return f"densities of neighbours, and of their messages ({config.messages} {kind})"
    return "densities of neighbours"


def _steps(card: ModelCard) -> str:
    return (
        "\n".join(
            f"inner {steps.inner_fs} fs, outer {steps.outer_fs} fs "
            f"(hydrogen {steps.hydrogen_mass} amu{_means(steps)}; {steps.evidence})"
            for steps in card.safe_steps
        )
        or "not measured"
    )


def _known(uncertainty: Uncertainty | None) -> str:
    if uncertainty is None:
        return "not calibrated (innff calibrate)"
    frames = uncertainty.origin.get("validation_frames", "some")
    return (
        f"of a force at most {1000 * uncertainty.largest:.0f} meV/A in {frames} validation frames"
    )


def _means(steps: SafeSteps) -> str:
    friction = steps.vibrational_friction
    return (", mollified" if steps.mollified else "") + (
        f", friction of vibrations {friction:g}/ps" if friction else ""
    )


def _table(title: str, values: "Mapping[str, Any]") -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in values.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row(name.replace("_", " "), shown)
    if not values:
        table.add_row("", "not stated")
    return table

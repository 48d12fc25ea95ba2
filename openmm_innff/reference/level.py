"""Levels of theory, and how they are written.

``GFN2-xTB``; ``MP2/cc-pVTZ``; ``wB97X-D3BJ/def2-TZVP``; and composites such as
``CCSD(T)/cc-pVDZ // MP2/cc-pVTZ``, which stands for

    E = E[MP2/cc-pVTZ] + E[CCSD(T)/cc-pVDZ] - E[MP2/cc-pVDZ]

(what is before ``//`` corrects the method after it, in the small basis). ``CP`` at the end takes
the superposition error of dimers off; after the first basis, as in
``CCSD(T)/6-31G* CP // MP2/cc-pVTZ``, it does so in the correction alone, where the small basis
makes it large.
"""

import dataclasses
import re
from dataclasses import dataclass

from openmm_innff.errors import ConfigError

TIGHT_BINDING = {"gfn2-xtb": "GFN2-xTB", "gfn1-xtb": "GFN1-xTB"}
CORRELATED = {"mp2": "MP2", "ccsd": "CCSD", "ccsd(t)": "CCSD(T)"}
HARTREE_FOCK = "HF"
_DISPERSION = re.compile(r"-?d3\(bj\)$|-?d3bj$", re.IGNORECASE)
_SUPERPOSITION = re.compile(r"\s+CP$")


@dataclass(frozen=True)
class Level:
    """A level of theory.

    Attributes
    ----------
    method : str
        As in `parse_level`, in its usual spelling.
    basis : str
        Of Gaussians; empty for tight binding.
    density_fit : bool
        Whether Hartree-Fock and DFT fit the density. Correlated methods take exact integrals.
    frozen_core : bool
        Whether correlated methods leave the core orbitals out.
    counterpoise : bool
        Whether the superposition error of the two molecules of a dimer is taken off
        (S. F. Boys, F. Bernardi, doi:10.1080/00268977000101561).
    grid : int
        Of DFT, 0 to 9 as in PySCF.
    base : Level or None
        Of composites: the level that this one corrects, see the module.
    """

    method: str
    basis: str = ""
    density_fit: bool = True
    frozen_core: bool = True
    counterpoise: bool = False
    grid: int = 3
    base: "Level | None" = None

    def __post_init__(self) -> None:
        """Check what needs no other package."""
        if self.tight_binding and self.basis:
            raise ConfigError(f"basis: {self.method} has one of its own, found {self.basis!r}")
        if not self.tight_binding and not self.basis:
            raise ConfigError(f"basis: {self.method} needs one, such as def2-SVP; found none")
        if not 0 <= self.grid <= 9:
            raise ConfigError(f"grid: wanted 0 to 9, found {self.grid}")
        if self.base is not None and (self.tight_binding or self.base.tight_binding):
            raise ConfigError(f"level: tight binding can't be part of a composite, found {self}")
        if self.counterpoise and self.tight_binding:
            raise ConfigError(f"counterpoise: is for methods with a basis, found {self.method}")

    @property
    def tight_binding(self) -> bool:
        """Whether the method is one of tight binding."""
        return self.method in TIGHT_BINDING.values()

    @property
    def correlated(self) -> bool:
        """Whether the method has correlation on top of Hartree-Fock."""
        return self.method in CORRELATED.values()

    @property
    def functional(self) -> str:
        """Name of the density functional, without its dispersion; empty for other methods."""
        name = _DISPERSION.sub("", self.method)
        if self.tight_binding or self.correlated or name == HARTREE_FOCK:
            return ""
        return name

    @property
    def dispersed(self) -> bool:
        """Whether D3 with damping of Becke and Johnson is added."""
        return bool(_DISPERSION.search(self.method))

    def parts(self) -> list[tuple[float, "Level"]]:
        """Return the calculations that make this level, with their factors."""
        if self.base is None:
            return [(1.0, self)]
        small = dataclasses.replace(self, base=None)
        subtracted = dataclasses.replace(
            self.base, basis=self.basis, counterpoise=self.counterpoise
        )
        return [(1.0, self.base), (1.0, small), (-1.0, subtracted)]

    def __str__(self) -> str:
        """Write it as it is read, with what differs from the usual."""
        text = f"{self.method}/{self.basis}" if self.basis else self.method
        if self.base is not None:
            alone = self.counterpoise and not self.base.counterpoise
            return f"{text}{' CP' * alone} // {self.base}"
        return text + (" CP" if self.counterpoise else "")

    @property
    def key(self) -> str:
        """All settings in one line; frames of the same key may be trained on together."""
        if self.tight_binding:
            return self.method
        settings = [str(self)]
        levels = [level for _, level in self.parts()]
        if any(not level.correlated for level in levels):
            settings.append("density fitting" if self.density_fit else "exact integrals")
        if any(level.functional for level in levels):
            settings.append(f"grid {self.grid}")
        if any(level.correlated for level in levels):
            settings.append("frozen core" if self.frozen_core else "all electrons")
        return ", ".join(settings)


def parse_level(text: str, **options: bool | int) -> Level:
    """Read a level of theory.

    Parameters
    ----------
    text : str
        ``METHOD/BASIS`` or ``METHOD/SMALL // METHOD/LARGE``, or the name of a tight-binding method.
    **options
        Further attributes of `Level`, for all parts.

    Raises
    ------
    ConfigError
        If it can't be read, or a basis is missing or too much.
    """
    texts = text.split("//")
    if len(texts) > 2:
        raise ConfigError(f"level: wanted one // at most, found {text!r}")
    levels = [_single(part.strip(), options) for part in texts]
    if len(levels) == 1:
        return levels[0]
    both = levels[0].counterpoise or levels[1].counterpoise
    return dataclasses.replace(levels[0], base=levels[1], counterpoise=both)


def _single(text: str, options: dict[str, bool | int]) -> Level:
    method, _, basis = text.partition("/")
    method = method.strip()
    if not method:
        raise ConfigError("level: wanted a method, such as GFN2-xTB or MP2/cc-pVTZ; found none")
    basis, superposed = _SUPERPOSITION.subn("", basis.strip())
    if superposed:
        options = {**options, "counterpoise": True}
    known = {**TIGHT_BINDING, **CORRELATED, "hf": HARTREE_FOCK}
    name = known.get(method.lower(), _DISPERSION.sub("-D3BJ", method))
    return Level(name, basis.strip(), **options)  # type: ignore[arg-type]

"""From verdicts to advice: the largest outer step that passes, by hydrogen mass."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from openmm_innff.audit.verdict import DYNAMIC, SLOW, Check, Tolerances, Verdict, compare, overall
from openmm_innff.modelfile import SafeSteps


@dataclass(frozen=True)
class Candidate:
    """A pair of steps and what was found of it.

    Parameters
    ----------
    inner_fs, outer_fs
        Steps.
    checks
        Of all observables; none if the run exploded.
    exploded
        Why there are none, or None.
    """

    inner_fs: float
    outer_fs: float
    checks: tuple[Check, ...]
    exploded: str | None = None

    @property
    def statics(self) -> Verdict:
        """Verdict on drift and averages of positions and velocities."""
        return self._verdict(
            check
            for check in self.checks
            if check.group not in DYNAMIC and (check.group not in SLOW or check.verdict == "fail")
        )

    @property
    def dynamics(self) -> Verdict:
        """Verdict on spectrum and diffusion."""
        return self._verdict(check for check in self.checks if check.group in DYNAMIC)

    def _verdict(self, checks: Iterable[Check]) -> Verdict:
        return "fail" if self.exploded else overall(checks)


@dataclass(frozen=True)
class MassAdvice:
    """What was found for one hydrogen mass.

    Parameters
    ----------
    hydrogen_mass
        amu.
    candidates
        By outer step, then inner step.
    statics, dynamics
        The largest outer step that passes in statics, and in both; None: none does.
    """

    hydrogen_mass: float
    candidates: tuple[Candidate, ...]
    statics: Candidate | None
    dynamics: Candidate | None


Advice = tuple[MassAdvice, ...]


def advise(
    results: Mapping[float, Mapping[str, Any]],
    temperature: float,
    tolerances: Tolerances,
    with_drift: bool = True,
) -> Advice:
    """Judge all candidates and choose the largest steps that pass.

    A step passes only if no shorter outer step with the same inner one, or a shorter one, fails:
    beyond a resonance there may be islands of stability, which nobody should stand on.

    Parameters
    ----------
    results
        By hydrogen mass, as `mts` collects them.
    temperature
        Of the bath, K.
    tolerances
        What counts as agreement.
    with_drift
        Whether energy drift tells something of this scheme.
    """
    advice = []
    for mass, found in results.items():
        candidates = []
        for result in found["candidates"]:
            checks: list[Check] = []
            if not result["exploded"]:
                checks = compare(result, found["reference"], temperature, tolerances, with_drift)
            candidates.append(
                Candidate(result["inner_fs"], result["outer_fs"], tuple(checks), result["exploded"])
            )
        candidates.sort(key=lambda c: (c.outer_fs, c.inner_fs))
        passing = [c for c in candidates if c.statics == "pass" and not _on_island(c, candidates)]
        both = [c for c in passing if c.dynamics == "pass"]
        advice.append(MassAdvice(mass, tuple(candidates), _largest(passing), _largest(both)))
    return tuple(advice)


def safe_steps(
    advice: Advice, where: str, mollified: bool = False, vibrational_friction: float = 0.0
) -> tuple[SafeSteps, ...]:
    """Entries for a model's card: the steps whose statics pass.

    Parameters
    ----------
    advice
        Of `advise`.
    where
        Length, box and temperature, for the evidence.
    mollified, vibrational_friction
        What the candidates ran with.
    """
    entries = []
    for mass in advice:
        if mass.statics is None:
            continue
        dynamics = "dynamics too" if mass.statics == mass.dynamics else "dynamics not shown"
        evidence = f"innff audit mts: averages agree with 0.5 fs ({dynamics}; {where})"
        best = mass.statics
        entries.append(
            SafeSteps(
                best.inner_fs,
                best.outer_fs,
                mass.hydrogen_mass,
                evidence,
                mollified,
                vibrational_friction,
            )
        )
    return tuple(entries)


def _on_island(candidate: Candidate, candidates: Iterable[Candidate]) -> bool:
    return any(
        other.statics == "fail"
        for other in candidates
        if other.outer_fs <= candidate.outer_fs
        and other.inner_fs <= candidate.inner_fs
        and other != candidate
    )


def _largest(candidates: list[Candidate]) -> Candidate | None:
    # Of the same outer step, the larger inner one costs less.
    return max(candidates, key=lambda c: (c.outer_fs, c.inner_fs), default=None)

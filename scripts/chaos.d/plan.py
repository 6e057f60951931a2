"""What happens to whom and when, drawn from a seed before anything begins."""

from dataclasses import dataclass
from random import Random

#: Of each kind: how many a minute, and how many at least.
WORKERS = {"kill": (6.0, 5), "freeze": (3.0, 1), "stop": (2.0, 1), "join": (1.0, 1), "leave": (1.0, 1)}
BROKERS = {"restart": (0.3, 1), "pause": (0.3, 0), "crash": (0.3, 0)}


@dataclass(frozen=True, slots=True)
class Deed:
    """At a time after the start; `lot` in [0, 1) says which of those that are up then; `lasts` until it is mended."""

    at: float
    what: str
    lot: float
    lasts: float


def plan(seed: int, seconds: float) -> list[Deed]:
    """The deeds of so many seconds, the last ones some time before the end."""
    chance = Random(f"{seed}/plan")
    deeds = [
        Deed(chance.uniform(0.05, 0.9) * seconds, what, chance.random(), _lasts(chance, what))
        for what, (a_minute, least) in {**WORKERS, **BROKERS}.items()
        for _ in range(max(least, round(a_minute * seconds / 60)))
    ]
    if seconds >= 300:
        deeds.append(Deed(0.5 * seconds, "pause", chance.random(), 60.0))
    return sorted(deeds, key=lambda deed: deed.at)


def _lasts(chance: Random, what: str) -> float:
    """Most are short; some are longer than everybody's patience."""
    long = chance.random() < 0.3
    if what == "restart":
        return chance.uniform(0.0, 5.0)
    if what in ("kill", "stop", "crash"):
        return chance.uniform(7.0, 14.0) if long else chance.uniform(0.2, 2.0)
    return chance.uniform(11.0, 20.0) if long else chance.uniform(0.5, 5.0)

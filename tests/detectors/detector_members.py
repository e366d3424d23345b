"""The members of the protocol `Detector`."""

from __future__ import annotations

from negmine.detectors.base import Detector

MEMBERS = sorted(name for name in vars(Detector) if not name.startswith("_"))


def missing_members(detector: object) -> list[str]:
    """The members of the protocol that an object does not have."""
    return [name for name in MEMBERS if not hasattr(detector, name)]

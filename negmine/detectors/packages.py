"""Installed packages, without importing them."""

from __future__ import annotations

import importlib.metadata


def version_of(package: str) -> str:
    """Its version; empty where it is not installed, or under another name."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""

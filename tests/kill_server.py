"""Imported once by the process that the runs of `kill_cases` are forked from: imgaug takes seconds to import."""

from __future__ import annotations

from negmine.augmenting.imgaug_import import imgaug_augmenters

imgaug_augmenters()

"""Export: the negatives of a bank as a data set that any trainer reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.folder import MANIFEST, SCHEMA_VERSION, write_plan
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.plan import BankFile, Picture
from negmine.exporting.voc import plan_voc
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        out: the folder.
        format: of the labels.
        negatives: exported.
        variants: exported.
        left_out: negatives that a reviewer rejected, or marked as a target.
        written: files that were new or had changed.
        unchanged: files that were there already.
        removed: files of an earlier export that do not belong to this one.
    """

    out: Path
    format: str
    negatives: int
    variants: int
    left_out: int
    written: int
    unchanged: int
    removed: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": str(self.out),
            "format": self.format,
            "negatives": self.negatives,
            "variants": self.variants,
            "left_out": self.left_out,
            "files": {"written": self.written, "unchanged": self.unchanged, "removed": self.removed},
        }


def export(bank: str | Path, out: str | Path, *, config: ExportConfig | None = None) -> ExportResult:
    """Write the negatives of a bank, with labels that say that nothing is in them.

    Exporting again into the same folder writes only what is new, and removes what is rejected by now.

    Args:
        bank: the bank's folder.
        out: a new or empty folder, or an earlier export of the same format.
        config: format, variants, how files are copied.

    Raises:
        BankError: where the folder is no bank, or a file in it is gone or damaged.
        ExportError: where there is nothing to export, or `out` holds something that no export put there.
    """
    config, out = config or ExportConfig(), Path(out)
    with Bank(bank) as opened:
        negatives, variants = opened.exportable()
        in_bank = opened.negative_count()
    kept = {negative.id: negative for negative in negatives}
    made = variants if config.variants else []
    if not kept and not (out / MANIFEST).exists():  # an earlier export is brought to what is left: nothing
        raise ExportError(
            f"bank {printable(bank)} has no negatives to export ({in_bank} in it, none that a reviewer left); "
            "scan more backgrounds with `negmine scan`"
        )
    pictures = [
        Picture(negative_name(n), BankFile(n.path, n.sha256), n.size_wh, n.review == "accepted") for n in kept.values()
    ]
    pictures += [
        Picture(
            variant_name(kept[v.negative_id], v),
            BankFile(v.path, v.sha256),
            v.size_wh,
            kept[v.negative_id].review == "accepted",
        )
        for v in made
    ]
    plan = plan_voc(pictures, folder=printable(out.resolve().name) or "negmine")
    done = write_plan(plan, out, format_name=config.format, method=config.method)
    return ExportResult(
        out=out,
        format=config.format,
        negatives=len(kept),
        variants=len(made),
        left_out=in_bank - len(kept),
        written=done.written,
        unchanged=done.unchanged,
        removed=done.removed,
    )

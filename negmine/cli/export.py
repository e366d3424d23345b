"""`negmine export`."""

from __future__ import annotations

from typing import get_args

import click

from negmine.cli._output import bank_option, console, json_option, print_json
from negmine.exporting.config import CopyMethod, ExportConfig, ExportFormat
from negmine.paths import printable

_DEFAULT = ExportConfig()


@click.command("export")
@bank_option
@click.option(
    "--format",
    "format_name",
    type=click.Choice(get_args(ExportFormat)),
    default=_DEFAULT.format,
    show_default=True,
    help="The format of the labels.",
)
@click.option("--out", required=True, metavar="DIR", help="A new or empty folder, or an earlier export.")
@click.option(
    "--variants/--no-variants", default=_DEFAULT.variants, show_default=True, help="The augmented copies too, or not."
)
@click.option("--copy", "method", flag_value="copy", default=_DEFAULT.method, help="Copy the pictures (default).")
@click.option("--hardlink", "method", flag_value="hardlink", help="Share the bank's files: no space, same file system.")
@click.option("--symlink", "method", flag_value="symlink", help="Point at the bank's files, which must stay in place.")
@json_option
def command(bank: str, format_name: ExportFormat, out: str, variants: bool, method: CopyMethod, as_json: bool) -> None:
    """Write the negatives of a bank as a data set whose labels say that nothing is in the pictures.

    Negatives that a reviewer rejected are left out. Exporting again into the same folder writes what is new and removes
    what no longer belongs; a folder that holds anything else is refused.

    \b
    negmine export --format voc --out negatives-voc
    """
    from negmine.exporting.export import export

    result = export(bank, out, config=ExportConfig(format=format_name, variants=variants, method=method))
    if as_json:
        print_json(result.to_dict())
        return
    screen = console()
    screen.print(
        f"{result.negatives} negatives and {result.variants} variants in {printable(result.out)} ({result.format}): "
        f"{result.written} files written, {result.unchanged} unchanged, {result.removed} removed",
        soft_wrap=True,
    )
    if result.left_out:
        screen.print(f"{result.left_out} negatives left out: rejected, or marked as a target", soft_wrap=True)

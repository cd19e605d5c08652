"""``druid-reindex evidence verify``: is a pack as it was signed, and if not, what was changed first?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from druid_reindex.cli.evidence_places import trusted_keys
from druid_reindex.cli.nights import AWS_ATTEMPTS, JsonOption
from druid_reindex.errors import NotFoundError
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, sequence_of, stem_of
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.evidence.schema import json_schema
from druid_reindex.evidence.verify import Changed, Files, Verified, verify_all
from druid_reindex.model.uri import S3Uri

Read = Callable[[], bytes]


@dataclass(frozen=True)
class _Folder:
    """One run's packs: how each of its files is read, by its name, as far as ``last``."""

    where: str
    name: str
    files: Mapping[str, Read]
    last: int

    def packs(self) -> list[Files]:
        """What is there of each pack, also of one of which only a part is left."""
        run = self.name if _is_run(self.name) else ""
        return [Files(number, self._body(number, LINES), self._body(number, ENVELOPE), run) for number in self._there()]

    def keys(self) -> list[PublicKey]:
        """The keys that lie beside the packs."""
        bodies = (self._body(number, KEY) for number in self._there())
        return [PublicKey.parse(body) for body in bodies if body is not None]

    def _there(self) -> list[int]:
        numbers = {number for name in self.files if (number := sequence_of(name)) is not None}
        return sorted(number for number in numbers if number <= self.last)

    def _body(self, number: int, suffix: str) -> bytes | None:
        read = self.files.get(f"{stem_of(number)}{suffix}")
        return read() if read is not None else None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify")(verify)
    app.command("schema")(schema)


def schema() -> None:
    """Print the JSON schema of a pack's lines and of the statement that is signed about them."""
    typer.echo(json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False))


def verify(
    pack: Annotated[
        str, typer.Argument(metavar="PACK", help="A pack's file, a run's folder, a folder of such, or s3://… of these.")
    ],
    public_key: Annotated[
        list[Path] | None,
        typer.Option("--public-key", help="The key that you trust (PEM); may be given again.", dir_okay=False),
    ] = None,
    *,
    as_document: JsonOption = False,
) -> None:
    """Say whether PACK, with all packs before it, is as it was signed, and if not, what was changed first.

    Files are read where they lie, and nobody is asked. Exit 0 when all is as it was signed, else 1.

    Without --public-key the keys that lie beside the packs are used: whoever can put other packs there can put other
    keys there, so compare the fingerprint with the one that you keep elsewhere.
    """
    trusted = trusted_keys(public_key)
    said = [(folder, verify_all(folder.packs(), trusted or folder.keys())) for folder in _folders(pack)]
    if as_document:
        typer.echo(json.dumps([_told(folder, found) for folder, found in said], indent=2, ensure_ascii=False))
    else:
        for folder, found in said:
            _show(folder, found, keys_are_given=bool(trusted))
    is_good = all(isinstance(each, Verified) for _, found in said for each in found)
    raise typer.Exit(0 if is_good else 1)


def _folders(pack: str) -> Iterator[_Folder]:
    """The folders of packs at that place. Raises NotFoundError when there is none."""
    by_folder: dict[tuple[str, str], dict[str, Read]] = defaultdict(dict)
    asked, found = _in_s3(pack) if pack.startswith("s3://") else _on_disk(Path(pack))
    for where, name, read in found:
        folder = where.rstrip("/")
        by_folder[folder, folder.rpartition("/")[2]][name] = read
    last = sequence_of(asked)
    if not by_folder:
        raise NotFoundError(
            "find a pack",
            resource=pack,
            came_back=f"no file such as {stem_of(0)}{LINES}",
            remedy="name the file, the folder that has the run's id, or a folder above it",
        )
    for (where, name), files in sorted(by_folder.items()):
        yield _Folder(where, name, files, 9999 if last is None else last)


def _on_disk(place: Path) -> tuple[str, list[tuple[str, str, Read]]]:
    place = place.resolve()
    is_pack = sequence_of(place.name) is not None
    below = place.parent.glob("*") if is_pack else place.rglob("*")
    files = [each for each in below if each.is_file() and sequence_of(each.name) is not None]
    return place.name, [(str(each.parent), each.name, each.read_bytes) for each in files]


def _in_s3(place: str) -> tuple[str, list[tuple[str, str, Read]]]:
    from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.session import build_session  # noqa: PLC0415

    uri, store = S3Uri.parse(place), S3Client(build_session(), attempts=AWS_ATTEMPTS)
    asked = uri.key.rpartition("/")[2]
    folder = S3Uri(uri.bucket, uri.key.rpartition("/")[0]) if sequence_of(asked) is not None else uri
    found: list[tuple[str, str, Read]] = []
    for each in store.listing(folder):
        where, _, name = str(each.uri).rpartition("/")
        if sequence_of(name) is not None:
            found.append((where, name, lambda uri=each.uri: store.get(uri)))  # type: ignore[misc]
    return asked, found


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _told(folder: _Folder, found: Sequence[Verified | Changed]) -> dict[str, Any]:
    changed = next((asdict(each) for each in found if isinstance(each, Changed)), None)
    return {
        "folder": folder.where,
        "verified": [asdict(each) for each in found if isinstance(each, Verified)],
        "changed": changed,
    }


def _show(folder: _Folder, found: Sequence[Verified | Changed], *, keys_are_given: bool) -> None:
    out = Console(highlight=False, soft_wrap=True)
    out.print(folder.where, markup=False)
    for each in found:
        if isinstance(each, Changed):
            out.print(f"✗ {each}", style="red", markup=False)
        else:
            out.print(f"✓ {_line(each)}", style="green", markup=False)
    last = found[-1]
    if isinstance(last, Verified):
        for state, kinds in last.untold.items():
            if kinds:
                out.print(f"  {state}: {', '.join(kinds)}", style="yellow" if state != "absent" else "", markup=False)
        if not keys_are_given:
            out.print(
                "  the key lies beside the pack: compare its fingerprint with the one that you keep", style="yellow"
            )


def _line(pack: Verified) -> str:
    return (
        f"{pack.title.name}: {pack.lines} lines as they were signed at {pack.title.made_at}, by {pack.fingerprint}, "
        f"SHA-256 {pack.sha256}"
    )

"""``python -m benchmarks data``: which data sets there are, getting them, looking into them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from benchmarks.cli.progress import ProgressBar, console, say, waiting
from benchmarks.errors import InputError, unknown
from benchmarks.profile import Profile

if TYPE_CHECKING:  # the other commands need not wait for these imports
    from benchmarks.events.published.entries import RealSet
    from benchmarks.events.published.layout import Entry

app = typer.Typer(help="List the data sets, get them, check them, look into them.")
Name = Annotated[str, typer.Argument(help="name of a data set, e.g. ncars", metavar="SET")]
From = Annotated[
    Path | None,
    typer.Option("--from", help="folder of recordings, folder of archives, or archive"),
]
Part = Annotated[bool, typer.Option("--part", help="a declared part of the set, SET-part")]


@app.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """List every data set: what it holds, whether it is here, how to get it."""
    if context.invoked_subcommand is None:
        _list(context.obj)
        say("python -m benchmarks data get SET    finds or downloads one, and checks it")
        say("python -m benchmarks data show SET   draws some of its recordings")


@app.command()
def get(context: typer.Context, name: Name, at: From = None, part: Part = False) -> None:
    """Find, download, unpack and check a data set; goes on where it was stopped.

    --from also takes a file of `data pack`. With --part: declare what is there to be a part of the
    set, and list and hash it.
    """
    from benchmarks.cli.data_packed import unpack_frames
    from benchmarks.events.packed import is_packed
    from benchmarks.events.published.acquire import acquire, find
    from benchmarks.events.published.layout import entries

    if name in _embedded() and not part:
        return manifest(context, name)
    if at is not None and is_packed(at):
        return unpack_frames(name, at, context.obj.events)
    chosen = _recorded(name)
    if part:
        _declare(chosen, at)
    else:
        had = find(chosen, at) if at is not None else None
        with ProgressBar(name, "MB") as report:
            tree = acquire(chosen, at, report)
        if at is not None and had == tree and not tree.is_relative_to(at):
            say(f"{at} is not unpacked, as the set is there; to take it, delete {tree} first")
        say(f"{chosen.title}: {len(entries(chosen, tree)):,} recordings in {tree}")
    if chosen.note:
        say(f"note: {chosen.note}")
    say(f"licence: {chosen.licence}, read {chosen.licence_page}")
    say(f"please cite: {chosen.citation}")


@app.command()
def pack(
    context: typer.Context,
    name: Name,
    out: Annotated[Path, typer.Option(help="the file to write, e.g. ncars.xz")],
) -> None:
    """Pack the frames that the profile trains on: `data get SET --from` takes them elsewhere.

    All splits of a set are in one file. See the set's licence before you pass it on.
    """
    from benchmarks.cli.data_packed import pack_frames

    pack_frames(name, out, context.obj)


@app.command()
def verify(context: typer.Context, name: Name, at: From = None, part: Part = False) -> None:
    """Hash a data set's archives again, count its recordings, look at the beginning of each.

    Of a format that tonic reads, one recording of each class is compared with what tonic finds.
    With --part: hash each recording of the declared part again. At last, compare the recordings of
    the splits: one that leaks is named.
    """
    from benchmarks.cli.data_splits import say_resemblances
    from benchmarks.events.published import inspection, second_reader
    from benchmarks.events.published.acquire import find
    from benchmarks.events.published.layout import is_rehearsal

    if name in _embedded():
        return say_resemblances([name], context.obj.events, None)
    chosen = _recorded(name)
    if part:
        return _verify_part(chosen, context.obj.events)
    with ProgressBar(f"{name}, archives", "MB") as report:
        good, wrong = inspection.archives(chosen, at, report)
    tree = find(chosen, at)
    if tree is not None:
        with ProgressBar(f"{name}, recordings", "files") as report:
            count, faults = inspection.tree(chosen, tree, report)
        wrong += faults
        say(f"{count:,} recordings in {tree}")
    for file in good:
        say(f"archive {file}: as published")
    if wrong:
        shown = "\n".join(wrong[:20])
        raise InputError(
            f"{chosen.title}: {len(wrong)} files are not what they should be; delete them and run "
            f"`python -m benchmarks data get {name}`\n{shown}"
        )
    if tree is None and not good:
        raise InputError(f"{chosen.title} is not here: python -m benchmarks data get {name}")
    if tree is not None and (count := second_reader.agreeing(chosen, tree)):
        say(f"tonic reads the same events in {count} of them, the first of each class and part")
    if tree is not None and not is_rehearsal(tree):
        names = [f"{name}-{split}" for split in chosen.splits]
        say_resemblances(names, context.obj.events, at)


@app.command()
def show(
    context: typer.Context,
    name: Name,
    sample: Annotated[int, typer.Option(help="which recording of each class", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="frames a recording", min=1)] = 10,
    out: Annotated[Path, typer.Option(help="a .png or a .gif")] = Path("sample.png"),
    at: From = None,
    part: Part = False,
) -> None:
    """Draw one recording of each class (of the first ten)."""
    from benchmarks.cli import data_pictures as pictures
    from benchmarks.events import ensure
    from benchmarks.events.published.parts import as_set, declared

    if name in _embedded():
        made = ensure(name, steps, context.obj.events)
        frames, labels = pictures.of_embedded(made, sample)
    else:
        asked = _recorded(name)
        chosen, recordings = as_set(declared(asked)) if part else _whole(asked, at)
        frames, labels = pictures.of_real(chosen, recordings, sample, steps)
    pictures.write_picture(frames, labels, f"{name}: recording {sample} of each class", out)
    say(f"wrote {out}")


@app.command()
def manifest(context: typer.Context, name: Name) -> None:
    """Make or find a data set and write its manifest, which DVC watches."""
    from benchmarks.events import ensure_for
    from benchmarks.events.manifests import write_manifest
    from benchmarks.params import read as read_params

    profile: Profile = context.obj
    training = read_params(profile.params).training
    with ProgressBar(name, "steps") as report:
        made = ensure_for(name, training, profile.events, report)
    with waiting(f"{name}, hashing the frames"):
        write_manifest(made, profile.data)
    counts = [len(split.labels) for split in (made.train, made.validation, made.test)]
    say(f"{name}: {counts[0]} train, {counts[1]} validation, {counts[2]} test samples")


def _whole(chosen: RealSet, at: Path | None) -> tuple[RealSet, list[Entry]]:
    from benchmarks.events.published.acquire import acquire
    from benchmarks.events.published.layout import entries

    with ProgressBar(chosen.name, "MB") as report:
        return chosen, entries(chosen, acquire(chosen, at, report))


def _declare(chosen: RealSet, at: Path | None) -> None:
    from benchmarks.events.published import parts

    with ProgressBar(f"{chosen.name}, hashing", "files") as report:
        part = parts.declare(chosen, at, report)
    table = Table()
    table.add_column("class", no_wrap=True)
    for name in part.counts:
        table.add_column(f"{name or 'recordings'}, of published", justify="right")
    for label, of in enumerate(chosen.classes):
        cells = [f"{c[label]:,} of {chosen.counts[n][label]:,}" for n, c in part.counts.items()]
        table.add_row(of, *cells)
    console.print(table)
    say(f"{chosen.title}, {parts.described(part)} in {part.tree}, hash {part.digest}")
    say(f"call the data set {chosen.name}-part; its split is {parts.as_set(part)[0].splits[0]}")


def _verify_part(chosen: RealSet, events: Path) -> None:
    from benchmarks.cli.data_splits import say_resemblances
    from benchmarks.events.published import parts

    part = parts.declared(chosen)
    with ProgressBar(f"{chosen.name}, hashing", "files") as report:
        parts.verify(part, report)
    say(f"{parts.described(part)} in {part.tree}: as declared")
    say_resemblances([f"{chosen.name}-part"], events, None)


def _recorded(name: str) -> RealSet:
    """Raises InputError for a set that is made here, and for a name that no set has."""
    from benchmarks.events.published.catalogue import SETS

    if name in _embedded():
        raise InputError(f"data set {name!r} is made here, whole; leave --part out")
    if name not in SETS:
        raise unknown("data set", name, [*_embedded(), *SETS])
    return SETS[name]


def _embedded() -> list[str]:
    from benchmarks.events import SETS
    from benchmarks.events.published import catalogue

    return [name for name in SETS if name not in catalogue.SETS]


def _list(profile: Profile) -> None:
    from benchmarks.events.published.catalogue import SETS

    table = Table()
    table.add_column("set", no_wrap=True)
    for heading in ("classes", "samples"):
        table.add_column(heading, justify="right")
    table.add_column("splits, default first", no_wrap=True)
    table.add_column("here", overflow="fold")
    for name in _embedded():
        classes, samples = _manifest_counts(profile.data / f"{name}.json")
        table.add_row(name, classes, samples, "by source", "made here, in seconds")
    for chosen in SETS.values():
        table.add_section()
        splits, counts = "\n".join(chosen.splits), f"{chosen.samples:,}"
        table.add_row(chosen.name, str(len(chosen.classes)), counts, splits, _where(chosen))
    console.print(table)
    say("also as SET-SPLIT and SET-count: frames of equally many events, not of equal time")
    say("none of them here? `python -m benchmarks --profile paper rehearse` makes recordings up")
    for chosen in SETS.values():
        if chosen.note:
            say(f"{chosen.name}: {chosen.note}")
    say("licences, to be read before use:")
    for chosen in SETS.values():
        say(f"  {chosen.name}: {chosen.licence_page} ({chosen.licence})")


def _manifest_counts(path: Path) -> tuple[str, str]:
    from benchmarks.events.manifests import read_manifest

    if not path.exists():
        return "", ""
    kept = read_manifest(path)
    return str(len(kept["classes"])), f"{sum(kept['samples'].values()):,}"


def _where(chosen: RealSet) -> str:
    from benchmarks.events.published.acquire import cache_of, find
    from benchmarks.events.published.disk import in_units
    from benchmarks.events.published.layout import entries, is_rehearsal
    from benchmarks.events.published.parts import is_declared

    tree = find(chosen)
    if tree is not None:
        files = {entry.path for entry in entries(chosen, tree)}
        size = in_units(sum(file.stat().st_size for file in files))
        made_up = "a rehearsal, not the set; " if is_rehearsal(tree) else ""
        return f"{made_up}{size} in {tree}"
    if is_declared(chosen):
        return _where_part(chosen)
    begun = sum(at.stat().st_size for at in (cache_of(chosen) / "archives").glob("*.part"))
    came = f" ({in_units(begun)} came so far)" if begun else ""
    how = "to get by hand" if chosen.manual else "to download"
    return f"no; {in_units(chosen.download_bytes)} {how}{came}"


def _where_part(chosen: RealSet) -> str:
    from benchmarks.events.published.parts import declared

    try:
        part = declared(chosen)
    except InputError as error:
        return f"a part was declared; {error}"
    return f"a part, {chosen.name}-part: {len(part.recordings):,} recordings in {part.tree}"

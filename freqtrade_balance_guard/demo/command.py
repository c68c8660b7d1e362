"""`balance-guard demo`: the same trouble for a plain and a guarded bot, side by side."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import picture, table
from freqtrade_balance_guard.demo.bot import BotError
from freqtrade_balance_guard.demo.database import copy_of
from freqtrade_balance_guard.demo.scenes.catalogue import SCENES, chosen
from freqtrade_balance_guard.demo.scenes.scene import Scene
from freqtrade_balance_guard.demo.stage import SIDES, Played, Side, play_scene
from freqtrade_balance_guard.sandbox import SandboxDidNotStart


# Without a terminal (a log, a pipe) rich assumes 80 columns; nothing there is too narrow for this.
_WIDTH = 160

# Writes the report of a folder with results; the sentence that says where it lies.
ReportWriter = Callable[[Path], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.set_defaults(run=run)
    parser.add_argument("--scenes", metavar="A,B", help="play only these scenes")
    parser.add_argument("--list-scenes", action="store_true", help="list the scenes and end")
    parser.add_argument("--dry-run", action="store_true", help="play them in dry-run")
    parser.add_argument(
        "--way",
        choices=["launcher", "mixin"],
        default="launcher",
        help="how the guard is attached to the strategy (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON only")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="where picture, results and logs go (default: %(default)s)",
    )


def run(args: argparse.Namespace, write_report: ReportWriter | None = None) -> int:
    """0: all claims held; 1: a claim was broken, or a scene could not be played; 2: bad options."""
    # Progress goes to stderr: with --json, stdout is JSON and nothing else.
    talk = Console(stderr=True)
    if args.list_scenes:
        return _list_scenes(as_json=args.json)
    try:
        scenes = chosen(args.scenes)
    except ValueError as error:
        talk.print(str(error), style="red")
        return 2
    clock = SystemClock()
    started = clock.monotonic()
    try:
        played = _play_all(scenes, args, talk)
    except (BotError, SandboxDidNotStart) as error:
        talk.print(str(error), style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        talk.print("Stopped.")
        return 130
    results = table.as_json(played, dry_run=args.dry_run, seconds=clock.monotonic() - started)
    files = write_results(played, results, args.output, has_picture=not args.dry_run)
    if write_report is not None:
        files.append(write_report(args.output))
    if args.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        show_results(played, dry_run=args.dry_run)
        if results["ok"]:
            Console().print("The guarded bot kept every claim of every scene.", style="green")
    for note in files:
        talk.print(note, markup=False, highlight=False, soft_wrap=True)
    return 0 if results["ok"] else 1


def _list_scenes(*, as_json: bool) -> int:
    if as_json:
        listed = [{"name": scene.name, "title": scene.title} for scene in SCENES]
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
    else:
        for scene in SCENES:
            sys.stdout.write(f"{scene.name:18} {scene.title}\n")
    return 0


def _play_all(scenes: Sequence[Scene], args: argparse.Namespace, talk: Console) -> list[Played]:
    played = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="balance-guard-")))
        bars = stack.enter_context(progress(talk))
        for number, scene in enumerate(scenes, start=1):
            bars.console.print(f"Scene {number} of {len(scenes)}: {scene.title}")
            tasks: dict[Side, TaskID] = {
                side: bars.add_task(f"  {side:8}", total=1.0, state="") for side in SIDES
            }

            def report(
                side: Side, state: str, share: float, tasks: dict[Side, TaskID] = tasks
            ) -> None:
                bars.update(tasks[side], completed=share, state=state)

            played.append(
                play_scene(
                    scene,
                    folder / scene.name,
                    guarded_way=args.way,
                    dry_run=args.dry_run,
                    report=report,
                )
            )
            keep_books(folder / scene.name, scene, args.output, dry_run=args.dry_run)
    return played


def progress(talk: Console) -> Progress:
    """One bar for each bot, with what it does now."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=talk,
    )


def keep_books(folder: Path, scene: Scene, output: Path, *, dry_run: bool = False) -> None:
    """Keep what the guarded bot has stored: ``balance-guard report --from-demo`` shows it."""
    output.mkdir(parents=True, exist_ok=True)
    name = "balance_guard.dryrun.sqlite" if dry_run else "balance_guard.sqlite"
    copy_of(folder / "guarded" / name, output / f"{scene.name}-guarded.sqlite")


def write_results(
    played: Sequence[Played], results: object, output: Path, *, has_picture: bool
) -> list[str]:
    """Picture, results and the bots' logs; sentences about what was written."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for one in played:
        for performance in (one.plain, one.guarded):
            log = output / f"{one.scene.name}-{performance.side}.log"
            log.write_text(performance.log, encoding="utf-8")
    notes = [f"Results and the logs of the bots: {output}"]
    if not has_picture:
        # A dry run leaves no trace on the exchange that could be drawn.
        return notes
    try:
        files = picture.draw(played, output)
        for one in played:
            picture.draw_side_by_side(one, output)
    except picture.MatplotlibMissing as error:
        return [*notes, str(error)]
    return [*notes, f"Picture: {', '.join(str(file) for file in files)}"]


def show_results(played: Sequence[Played], *, dry_run: bool) -> None:
    """The table, and every broken claim."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(table.as_table(played, dry_run=dry_run, width=console.width))
    for one in played:
        for sentence in one.broken:
            console.print(f"{one.scene.name}: {sentence}", style="red", markup=False)

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from asrkit.cli.groups import grouped, named_on_command_line


@dataclass(frozen=True)
class Place:
    PANEL: ClassVar = "Where"
    folder: Annotated[Path, typer.Option("-f", "--folder", envvar="TESTED_FOLDER")] = Path("here")
    deep: Annotated[bool, typer.Option("--deep")] = False


@dataclass(frozen=True)
class DeeperPlace(Place):
    level: Annotated[int | None, typer.Option(min=1)] = None


app = typer.Typer(rich_markup_mode="rich")


@app.command()
@grouped
def tell(
    context: typer.Context,
    name: str,
    *,
    place: DeeperPlace,
    loud: Annotated[bool, typer.Option("--loud")] = False,
) -> None:
    """Tell what arrives."""
    typer.echo(f"{name} {place} {loud} {sorted(named_on_command_line(context))}")


@pytest.mark.parametrize(
    ("line", "place", "named"),
    [
        ("a", DeeperPlace(), ["name"]),
        ("a --deep -f there --level 3", DeeperPlace(Path("there"), True, 3), ["deep", "folder", "level", "name"]),
        ("a --level 2", DeeperPlace(level=2), ["level", "name"]),
    ],
)
def test_a_group_arrives_as_one_value(line: str, place: Place, named: list[str]) -> None:
    assert CliRunner().invoke(app, line.split()).output == f"a {place} False {named}\n"


def test_a_variable_is_not_the_command_line() -> None:
    done = CliRunner().invoke(app, ["a", "--loud"], env={"TESTED_FOLDER": "elsewhere"})
    assert done.output == f"a {DeeperPlace(Path('elsewhere'))} True ['loud', 'name']\n"


def test_options_of_a_group_are_checked_as_others_are() -> None:
    assert CliRunner().invoke(app, ["a", "--level", "0"]).exit_code == 2


def test_the_help_shows_a_group_under_its_name() -> None:
    lines = CliRunner().invoke(app, ["--help"]).output.splitlines()
    panels = [line.split("─ ")[1].split(" ─")[0] for line in lines if "─ " in line]
    assert panels == ["Arguments", "Options", "Where"]
    before, where = "\n".join(lines).split("─ Where")
    assert all(option in where and option not in before for option in ("--folder", "--deep", "--level"))
    assert "--loud" in before

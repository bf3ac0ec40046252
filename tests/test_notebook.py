"""The notebook runs from top to bottom and is committed without its outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "docs" / "Speech_Recognition_Deep_Learning.ipynb"

nbformat = pytest.importorskip("nbformat", reason="the extra notebook is not installed")


def test_the_notebook_is_valid_and_carries_no_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert not any(cell.outputs or cell.execution_count for cell in code)
    for cell in code:
        compile(cell.source, cell.id, "exec")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_notebook_runs_and_the_language_model_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    client = pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    monkeypatch.setenv("ASRKIT_NOTEBOOK_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    check = "print(*(round(scores.loc[name, 'WER %'], 2) for name in ('greedy', 'beam 50, 3-gram')))"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    client.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    greedy, with_lm = map(float, notebook.cells[-1].outputs[0].text.split())
    assert with_lm < greedy
    assert with_lm < 15
    pictures = [
        o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "image/png" in o.get("data", {})
    ]
    assert len(pictures) >= 5

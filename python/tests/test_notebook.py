"""The notebooks among the examples run from their first cell to their last, and show what they say."""

import base64
import functools
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Each notebook with what it put out, and the folder that it ran in."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")

    @functools.cache
    def run(name):
        folder = tmp_path_factory.mktemp("notebook")
        notebook = nbformat.read(FOLDER / name, as_version=4)
        nbformat.validate(notebook)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
            resources = {"metadata": {"path": str(folder)}}
            return nbclient.NotebookClient(notebook, timeout=60, resources=resources).execute(), folder

    return run


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_there_is_a_notebook():
    assert "boundary.ipynb" in NOTEBOOKS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_says_no_word_of_warning(ran, name):
    done, _ = ran(name)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [output for output in outputs(done) if output.output_type in ("stream", "error")] == []


@pytest.mark.filterwarnings("ignore")
def test_the_boundary_is_drawn_and_the_moons_are_told_apart(ran):
    done, folder = ran("boundary.ipynb")
    pictures = [output["data"]["image/png"] for output in outputs(done) if "image/png" in output.get("data", {})]
    assert [len(base64.b64decode(picture)) > 10_000 for picture in pictures] == [True, True]
    scores = next(
        output["data"]["text/plain"] for output in outputs(done) if "(0." in str(output.get("data", {}).get("text/plain"))
    )
    train, test = (float(number) for number in scores.strip("()").split(","))
    assert min(train, test) > 0.93
    assert "array(['upper', 'lower']" in outputs(done)[-1]["data"]["text/plain"]
    assert {path.name for path in folder.iterdir()} == {"moons.csv", "moons.safetensors"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_what_it_put_out(name):
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    assert outputs(notebook) == []
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")

"""Models on the Hugging Face hub, as a stand-in on this machine serves them: what is copied, and what is not."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from foreign_graphs import hugging_face_folder

from asrkit.errors import AsrkitError, BundleError, DownloadError, MissingPackageError
from asrkit.model import hub
from asrkit.model.hub import fetch_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A server of one model, ``me/planted``, with the files of a folder."""

    def __init__(self, files):
        self.files = files
        self.asked = []
        self.announced = {name: len(content) for name, content in files.items()}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request):
        path = request.path.partition("?")[0]
        headers, body = {}, None
        if path.startswith("/api/models/me/planted"):
            siblings = [{"rfilename": name, "size": size} for name, size in self.announced.items()]
            info = {"id": "me/planted", "sha": COMMIT, "siblings": siblings, "cardData": {"license": "cc-by-4.0"}}
            body = json.dumps(info).encode()
        elif path.startswith("/me/planted/resolve/"):
            name = path.split("/", 5)[5]
            self.asked.append(name)
            body = self.files.get(name)
            if body is not None:
                headers = {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        request.send_response(404 if body is None else 200)
        for header, value in {**headers, "Content-Length": str(len(body or b""))}.items():
            request.send_header(header, value)
        request.end_headers()
        if request.command == "GET" and body:
            request.wfile.write(body)


@pytest.fixture
def served(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    folder = hugging_face_folder(tmp_path / "planted")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files |= {"pytorch_model.bin": b"pickle", "modeling.py": b"raise SystemExit", "onnx/model_fp16.onnx": b"x"}
    server = Hub(files)
    import huggingface_hub

    class Api(huggingface_hub.HfApi):
        def __init__(self):
            super().__init__(endpoint=server.url)

    plain = huggingface_hub.hf_hub_download
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda *args, **options: plain(*args, **options, endpoint=server.url)
    )
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_only_what_an_import_needs_is_copied(served):
    lines = []
    folder, card = fetch_model("hf:me/planted@main", tell=lines.append)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "README.md",
        "config.json",
        "onnx/model.onnx",
        "preprocessor_config.json",
        "tokenizer_config.json",
        "vocab.json",
    }
    assert not {"pytorch_model.bin", "modeling.py", "onnx/model_fp16.onnx"} & set(served.asked)
    assert card == {"source": f"hf:me/planted@{COMMIT}", "license": "cc-by-4.0"}
    assert "license: cc-by-4.0" in lines[0]
    assert (folder / "onnx/model.onnx").read_bytes() == served.files["onnx/model.onnx"]


def test_what_was_copied_can_be_imported(served, tmp_path):
    from asrkit.model.importing import Wishes, import_model

    folder, card = fetch_model("hf:me/planted")
    bundle = import_model(folder, tmp_path / "bundle", Wishes(longest_s=5.0), card=card)
    assert bundle.card["source"] == f"hf:me/planted@{COMMIT}"
    assert bundle.card["license"] == "cc-by-4.0"


def test_a_model_that_is_not_there_is_one_line(served):
    with pytest.raises(DownloadError, match="cannot be copied") as caught:
        fetch_model("hf:me/other")
    assert "\n" not in str(caught.value)


def test_a_file_of_another_size_than_announced_is_refused(served):
    served.announced["vocab.json"] += 1
    with pytest.raises(AsrkitError):
        fetch_model("hf:me/planted")


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"model.onnx": 9, "../evil.json": 1}, "outside its folder"),
        ({"model.onnx": 9, "/etc/evil.json": 1}, "outside its folder"),
        ({"model.onnx": 10**13}, "refusing it"),
        ({"config.json": 9, "model.safetensors": 9}, "optimum-cli"),
        ({"a.onnx": 9, "b.onnx": 9}, "several graphs"),
    ],
)
def test_what_cannot_be_right_is_not_copied(sizes, reason):
    with pytest.raises((DownloadError, BundleError), match=reason):
        hub._chosen(sizes, "me/planted")


def test_a_graph_comes_with_its_data_and_a_language_model():
    sizes = {"onnx/model.onnx": 9, "onnx/model.onnx_data": 10**9, "language_model/5gram.bin": 9, "a/b.json": 1}
    sizes |= {"big.json": 10**9, "vocab.json": 9}
    assert hub._chosen(sizes, "me/planted") == [
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "vocab.json",
        "language_model/5gram.bin",
    ]


@pytest.mark.parametrize("place", ["hf:", "hf:me", "hf:me/planted/more", "hf:me/planted@a b", "hf:../planted@"])
def test_a_place_that_cannot_be_is_refused(place):
    with pytest.raises(BundleError, match="is not hf:owner/name"):
        fetch_model(place)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match="pip install huggingface-hub"):
        fetch_model("hf:me/planted")

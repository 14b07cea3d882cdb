"""`dver model export`: packages that are loaded without dver."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support import Run, Templates, git, unpack
from wheels import write_wheels

import dver

SOURCES = {
    "src/scaling.py": """
import numpy


class Half:
    def fit(self, data, target=None):
        return self

    def transform(self, data):
        return numpy.asarray(data) / 2
""",
    "src/train.py": """
import pickle
from pathlib import Path

import numpy
from scaling import Half
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

data = numpy.arange(20.0).reshape(10, 2)
model = make_pipeline(Half(), LogisticRegression()).fit(data, [0] * 5 + [1] * 5)
Path("models").mkdir(exist_ok=True)
with open("models/churn.pkl", "wb") as file:
    pickle.dump(model, file)
""",
    "params.yaml": "threshold: 0.5\napi_key: key-of-a-service-1234\n",
    "dver.yaml": """
stages:
  train:
    cmd: python src/train.py  # password=hunter2-hunter2 https://ann:geheim42@host/x
    deps: [src/train.py, src/scaling.py]
    params: [threshold, api_key]
    env: [SERVICE_TOKEN]
    outs: [models/churn.pkl]
artifacts:
  churn:
    path: models/churn.pkl
    type: model
    desc: Predicts who leaves, with token ghp_abcdefghijklmnopqrstuvwxyz0123456789
    labels: [tabular]
    meta:
      signature: {inputs: {a: double, b: double}, outputs: {churn: long}}
      notes: see /home/ann/private/notes.txt
""",
}
SECRETS = (b"hunter2", b"geheim42", b"ghp_", b"key-of-a-service", b"/home/ann", b"value-of-the-token")


def write(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def train(top: Path) -> None:
    """A project with a trained and registered model, and a remote beside it."""
    dver.Project.init(top, hooks=False)
    project = dver.Project.find(top)
    (top.parent / "remote").mkdir(exist_ok=True)
    project.remote.add("origin", "../remote", default=True)
    write(top, SOURCES)
    git("add", "-A", cwd=top)
    git("commit", "-qm", "Describe the model", cwd=top)
    project.repro()
    git("add", "-A", cwd=top)
    git("commit", "-qm", "Train", cwd=top)
    for tag in ("churn@v1.0.0", "churn#prod#1"):
        git("tag", "-a", "-m", "text", tag, cwd=top)


@pytest.fixture
def project(tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SERVICE_TOKEN", "value-of-the-token")

    def make(top: Path) -> None:
        git("init", "-q", "-b", "main", top, cwd=top.parent)
        train(top)

    top = templates.copy("trained-model", tmp_path / "project", make)
    (tmp_path / "remote").mkdir(exist_ok=True)
    monkeypatch.chdir(top)
    return top


def contents(top: Path) -> dict[str, bytes]:
    return {str(one.relative_to(top)): one.read_bytes() for one in sorted(top.rglob("*")) if one.is_file()}


def python(executable: Path | str, code: str, cwd: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"}
    done = subprocess.run([executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.long
def test_a_package_loads_in_a_new_environment_without_dver(project: Path, tmp_path: Path, run: Run) -> None:
    result = run("model", "export", "churn#prod", "-o", "../package", cwd=project)
    assert "scikit-learn==" in result.out
    package = tmp_path / "package"
    wheels = write_wheels(
        tmp_path / "wheels", "scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl", "cloudpickle", "narwhals"
    )
    interpreter = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "-q", "--python", interpreter, "install", "--no-compile", "--no-index"]
    subprocess.run([*pip, "--find-links", wheels, "-r", "requirements.txt"], cwd=package, check=True)
    shutil.rmtree(project)  # nothing leads back to it
    code = (
        "import importlib.util; from load_model import load\n"
        "print(load().predict([[0.0, 1.0], [18.0, 19.0]]).tolist(), importlib.util.find_spec('dver'))"
    )
    assert python(interpreter, code, package) == "[0, 1] None"


def test_the_package_says_what_it_has(project: Path, tmp_path: Path, run: Run) -> None:
    run("model", "export", "churn", "-o", "../package", cwd=project)
    package = tmp_path / "package"
    assert set(contents(package)) == {
        ".python-version",
        "README.md",
        "SHA256SUMS",
        "code/scaling.py",
        "constraints.txt",
        "lineage.json",
        "load_model.py",
        "manifest.json",
        "model/churn.pkl",
        "requirements.txt",
        "signature.json",
    }
    required = [line.partition("==")[0] for line in (package / "requirements.txt").read_text().splitlines()]
    assert required == ["-c constraints.txt", "numpy", "scikit-learn"]
    assert (package / ".python-version").read_text().strip() == sys.version.split()[0]
    manifest = json.loads((package / "manifest.json").read_text())
    assert (manifest["name"], manifest["version"], manifest["loader"]) == ("churn", "v1.0.0", "pickle")
    model = (package / "model/churn.pkl").read_bytes()
    assert manifest["files"]["model/churn.pkl"] == {"size": len(model), "sha256": hashlib.sha256(model).hexdigest()}
    assert json.loads((package / "lineage.json").read_text())["stages"][0]["params"]["params.yaml"]["threshold"] == 0.5
    assert "age" not in (package / "signature.json").read_text()
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=package, check=True)


@pytest.mark.parametrize("form", ["dver", "mlflow", "oci"])
def test_nothing_secret_or_absolute_is_in_a_package(form: str, project: Path, tmp_path: Path, run: Run) -> None:
    run("model", "export", "churn", "-o", "../package", "--format", form, cwd=project)
    user = git("var", "GIT_AUTHOR_IDENT", cwd=project).partition(" <")[0].encode()
    host = os.uname().nodename.encode()
    secrets = (*SECRETS, os.fsencode(tmp_path), os.fsencode(Path.home()), b"templates", user, b'"' + host)
    for name, content in contents(tmp_path / "package").items():
        for secret in secrets:
            assert secret not in content, f"{secret!r} is in {name}"


@pytest.mark.parametrize("form", ["dver", "mlflow", "oci"])
def test_the_same_version_has_the_same_bytes_in_every_clone(form: str, project: Path, tmp_path: Path, run: Run) -> None:
    run("push", "-q", "--run-cache", cwd=project)
    git("clone", "-q", project, tmp_path / "clone", cwd=tmp_path)
    run("model", "export", "churn#prod", "-o", tmp_path / "a.tar", "--format", form, cwd=project)
    result = run("model", "export", "churn@v1.0.0", "-o", tmp_path / "b.tar", "--format", form, cwd=tmp_path / "clone")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert "numpy==" in result.out, "the record came from the remote"
    run("model", "export", "churn", "-o", tmp_path / "plain", "--format", form, cwd=project)
    with tarfile.open(tmp_path / "a.tar") as tar:
        unpack(tar, tmp_path / "unpacked")
    assert contents(tmp_path / "unpacked") == contents(tmp_path / "plain")


def test_another_repository_is_exported_without_a_clone(project: Path, tmp_path: Path, run: Run) -> None:
    run("push", "-q", "--run-cache", cwd=project)
    run("model", "export", "churn", "-o", "../a.tar", cwd=project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run("model", "export", "churn", "-o", "b.tar", "--repo", f"file://{project}", cwd=elsewhere)
    run("model", "export", "churn", "-o", "c.tar", "--repo", project, cwd=elsewhere)
    assert (elsewhere / "b.tar").read_bytes() == (tmp_path / "a.tar").read_bytes()
    assert (elsewhere / "c.tar").read_bytes() == (tmp_path / "a.tar").read_bytes()


def test_without_a_record_of_the_run_the_package_says_so(project: Path, tmp_path: Path, run: Run) -> None:
    shutil.rmtree(project / ".git/dver/store/runs")
    result = run("model", "export", "churn", "-o", "../package", cwd=project)
    assert "no requirements: neither this clone nor its remote has a record of the run of stage train" in result.err
    requirements = (tmp_path / "package/requirements.txt").read_text()
    assert all(line.startswith("#") for line in requirements.splitlines())
    assert "The sources import sklearn." in requirements
    readme = (tmp_path / "package/README.md").read_text()
    assert "Unknown: neither this clone nor its remote has a record" in readme
    assert "pip install" not in readme
    assert not (tmp_path / "package/constraints.txt").exists()


def test_a_model_that_no_stage_made_is_exported(project: Path, tmp_path: Path, run: Run) -> None:
    (project / "weights").mkdir()
    (project / "weights/config.json").write_text("{}")
    (project / "weights/model.safetensors").write_bytes(b"12345678")
    run("add", "weights", cwd=project)
    with open(project / "dver.yaml", "a") as file:
        file.write("  net:\n    path: weights\n")
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Add weights", cwd=project)
    git("tag", "-a", "-m", "text", "net@v1.0.0", cwd=project)
    result = run("model", "export", "net", "-o", "../net", cwd=project)
    assert "no requirements: no stage made the model" in result.err
    assert "transformers.AutoModel.from_pretrained(path)" in (tmp_path / "net/load_model.py").read_text()
    refused = run("model", "export", "net", "-o", "../net.tar", "--format", "mlflow", cwd=project, rc=2)
    assert "weights only" in refused.err
    assert "export it with --format dver" in refused.err
    assert not (tmp_path / "net.tar").exists()
    run("model", "export", "net", "-o", "../net.tar", "--format", "dver", cwd=project)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside"])
def test_a_link_that_leads_out_of_the_model_is_refused(target: str, project: Path, tmp_path: Path, run: Run) -> None:
    (project / "net").mkdir()
    (project / "net/a").write_text("a")
    os.symlink(target, project / "net/link")
    run("add", "net", cwd=project)
    with open(project / "dver.yaml", "a") as file:
        file.write("  net:\n    path: net\n")
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Add a net", cwd=project)
    git("tag", "-a", "-m", "text", "net@v1.0.0", cwd=project)
    result = run("model", "export", "net", "-o", "../net", cwd=project, rc=2)
    assert "the link 'link' leads out of the model" in result.err
    assert {one.name for one in tmp_path.iterdir()} == {"project", "remote"}


def test_a_module_with_a_secret_is_warned_of(project: Path, tmp_path: Path, run: Run) -> None:
    assert "may have secrets" not in run("model", "export", "churn", "-o", "../a", cwd=project).err
    with open(project / "src/scaling.py", "a") as file:
        file.write('TOKEN = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"\n')
    run("repro", "-q", cwd=project)
    git("commit", "-qam", "Train again", cwd=project)
    git("tag", "-a", "-m", "text", "churn@v1.1.0", cwd=project)
    assert (
        "read before you publish the package: code/scaling.py"
        in run("model", "export", "churn", "-o", "../b", cwd=project).err
    )


def test_a_class_of_the_script_is_warned_of(project: Path, tmp_path: Path, run: Run) -> None:
    script = "import pickle\nclass Own: pass\npickle.dump(Own(), open('models/churn.pkl', 'wb'))\n"
    (project / "src/train.py").write_text(script)
    run("repro", "-q", cwd=project)
    git("commit", "-qam", "Train again", cwd=project)
    git("tag", "-a", "-m", "text", "churn@v2.0.0", cwd=project)
    result = run("model", "export", "churn", "-o", "../a", cwd=project)
    assert "the model needs classes of the script that made it" in result.err
    assert "Define them in `__main__`" in (tmp_path / "a/README.md").read_text()


def test_an_existing_file_stays_without_force(project: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "churn.tar").write_text("other")
    refused = run("model", "export", "churn", "-o", "../churn.tar", cwd=project, rc=4)
    assert "already exists" in refused.err
    assert (tmp_path / "churn.tar").read_text() == "other"
    run("model", "export", "churn", "-o", "../churn.tar", "--force", cwd=project)
    assert tarfile.is_tarfile(tmp_path / "churn.tar")


@pytest.mark.parametrize("name", ["churn.tar.gz", "churn.zip", "churn.tgz"])
def test_compressed_archives_are_refused(name: str, project: Path, run: Run) -> None:
    assert "a file that ends with .tar" in run("model", "export", "churn", "-o", name, cwd=project, rc=2).err


def test_python_writes_packages_too(project: Path, tmp_path: Path, run: Run) -> None:
    result = dver.Project.find(project).model.export("churn#prod", tmp_path / "package", format="oci")
    assert (result.name, result.version, result.out) == ("churn", "v1.0.0", tmp_path / "package")
    found = run("model", "export", "churn#prod", "-o", "x/", "--format", "oci", "--json", cwd=project).json
    assert found["digest"] == result.digest
    assert found["out"].endswith("project/x/churn")


@pytest.mark.long
def test_mlflow_loads_the_package_and_knows_its_signature(project: Path, tmp_path: Path, run: Run) -> None:
    run("model", "export", "churn", "-o", "../package", "--format", "mlflow", cwd=project)
    code = """
import mlflow, mlflow.sklearn, pandas
model = mlflow.pyfunc.load_model("package")
data = pandas.DataFrame({"a": [0.0, 18.0], "b": [1.0, 19.0]})
print(model.predict(data).tolist(), model.metadata.get_input_schema().input_names(), model.metadata.metadata["version"])
print(mlflow.sklearn.load_model("package").predict(data.to_numpy()).tolist())
"""
    assert python(sys.executable, code, tmp_path).splitlines() == ["[0, 1] ['a', 'b'] v1.0.0", "[0, 1]"]


@pytest.mark.long
def test_a_model_that_mlflow_saved_keeps_its_files_and_its_signature(project: Path, tmp_path: Path, run: Run) -> None:
    run("model", "export", "churn", "-o", "saved", "--format", "mlflow", cwd=project)
    saved = contents(project / "saved")
    run("add", "saved", cwd=project)
    with open(project / "dver.yaml", "a") as file:
        file.write("  saved:\n    path: saved\n")
    git("add", "-A", cwd=project)
    git("commit", "-qm", "Add a model of MLflow", cwd=project)
    git("tag", "-a", "-m", "text", "saved@v1.0.0", cwd=project)
    run("model", "export", "saved", "-o", "../mlflow", "--format", "mlflow", cwd=project)
    assert contents(tmp_path / "mlflow") == saved
    run("model", "export", "saved", "-o", "../plain", cwd=project)
    assert [one["name"] for one in json.loads((tmp_path / "plain/signature.json").read_text())["inputs"]] == ["a", "b"]


def test_an_image_has_one_layer_with_the_package(project: Path, tmp_path: Path, run: Run) -> None:
    run("model", "export", "churn", "-o", "../image", "--format", "oci", cwd=project)
    run("model", "export", "churn", "-o", "../plain", cwd=project)

    def blob(found: dict[str, object]) -> bytes:
        content = (tmp_path / "image/blobs" / str(found["digest"]).replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == found["digest"]
        assert len(content) == found["size"]
        return content

    (named,) = json.loads((tmp_path / "image/index.json").read_text())["manifests"]
    assert named["annotations"]["org.opencontainers.image.ref.name"] == "v1.0.0"
    layers = set()
    for one in json.loads(blob(named))["manifests"]:
        manifest = json.loads(blob(one))
        config = json.loads(blob(manifest["config"]))
        (layer,) = manifest["layers"]
        assert config["rootfs"]["diff_ids"] == [layer["digest"]]
        assert config["architecture"] == one["platform"]["architecture"]
        layers.add(layer["digest"])
        content = blob(layer)
    assert len(layers) == 1
    (tmp_path / "layer.tar").write_bytes(content)
    with tarfile.open(tmp_path / "layer.tar") as tar:
        unpack(tar, tmp_path / "unpacked")
    assert contents(tmp_path / "unpacked/models") == contents(tmp_path / "plain")


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize(("out", "kind"), [("image", "oci"), ("image.tar", "oci-archive")])
def test_skopeo_reads_and_copies_the_image(out: str, kind: str, project: Path, tmp_path: Path, run: Run) -> None:
    result = run("model", "export", "churn", "-o", f"../{out}", "--format", "oci", "--json", cwd=project).json
    source = f"{kind}:{tmp_path / out}:v1.0.0"
    inspected = json.loads(subprocess.check_output(["skopeo", "inspect", source]))
    assert inspected["Digest"] == result["digest"]
    assert inspected["Labels"]["org.opencontainers.image.title"] == "churn"
    copy = ["skopeo", "copy", "--all", "--quiet", "--insecure-policy", source, f"oci:{tmp_path / 'copy'}:v1.0.0"]
    subprocess.run(copy, check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert (
        len(json.loads(subprocess.check_output(["skopeo", "inspect", f"oci:{tmp_path / 'copy'}:v1.0.0"]))["Layers"])
        == 1
    )

"""`stellarnb doctor`: right verdicts on a healthy, a broken and an offline set-up."""

import json
import os
import socket
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from jupyterlab_server import config

from stellarnb.archives import open_archive
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.transport.client import Transport
from stellarnb.cli import main as cli
from stellarnb.doctor import Finding, frontend, networks, packages, places, run_doctor, services
from stellarnb.models import load_card
from stellarnb.models.weights import store as weights
from stellarnb.tables import Result
from tests.support.archive_server import archive_server


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the settings, the cache and the configuration of whoever runs the tests out of it."""
    for name in [name for name in os.environ if name.startswith("STELLARNB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    # Tests may be started by a Python whose folder is not on the PATH.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, dict[str, object]]]:
    monkeypatch.setattr(sys, "argv", ["stellarnb", "doctor", "--json", *options])
    with pytest.raises(SystemExit) as end:
        cli.main()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return int(end.value.code or 0), {row["check"]: row for row in rows}


def extension(folder: Path, name: str) -> None:
    place = folder / "jupyter" / "labextensions" / name
    place.mkdir(parents=True)
    (place / "package.json").write_text(
        json.dumps({"name": name, "version": "1.2.3", "jupyterlab": {"_build": {"load": "x.js"}}})
    )


def only(found: list[Finding], check: str) -> Finding:
    (finding,) = (f for f in found if f.check == check)
    return finding


class TestHealthy:
    """Where all is well, it says so, and leaves nothing behind."""

    def test_every_check_has_a_verdict_and_none_is_bad(
        self,
        own_place: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        extension(own_place, "stellarnb")
        status, rows = run(monkeypatch, capsys)
        # How much room this machine has is not the test's business.
        bad = {n for n, row in rows.items() if row["verdict"] != "ok"} - {"memory", "disk"}
        assert status == 0
        assert bad == set()
        assert rows["packages"]["details"]["torch"] == metadata.version("torch")
        assert rows["torch"]["details"]["right"] is True
        assert rows["network"]["details"] == {"asked": False}
        assert {"python", "bokehjs", "weights", "cache", "embedded archive", "kernel"} < set(rows)
        assert not (own_place / "cache").exists()

    def test_people_get_a_line_a_finding_and_the_remedy_whole(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        remedy = "pip install " + "x" * 200
        found = [
            Finding("a", "ok", "[dex]"),
            Finding("b", "warning", "w", remedy),
            Finding("c", "failed", "f", "r"),
        ]
        monkeypatch.setattr("stellarnb.doctor.run_doctor", lambda online: found)
        monkeypatch.setattr(sys, "argv", ["stellarnb", "doctor"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        lines = capsys.readouterr().out.splitlines()
        assert end.value.code == 1
        assert lines == [
            "ok      a: [dex]",
            "warning b: w",
            f"        -> {remedy}",
            "failed  c: f",
            "        -> r",
            "1 ok, 1 warning, 1 failed",
        ]


class TestBroken:
    """What is broken is found, told apart, and has a remedy."""

    def test_no_bokehjs_no_write_access_and_a_torch_that_cannot_be_imported(
        self,
        own_place: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (own_place / "torch").mkdir()
        (own_place / "torch" / "__init__.py").write_text("raise ImportError('libcudart.so')")
        paths = [str(own_place), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
        monkeypatch.setattr("bokeh.settings.bokehjs_path", lambda dev: own_place / "nothing")
        # No one, root neither, can make a folder below a file.
        (own_place / "file").write_text("")
        monkeypatch.setenv("STELLARNB_CACHE", str(own_place / "file" / "cache"))
        status, rows = run(monkeypatch, capsys)
        assert status == 1
        broken = {name for name, row in rows.items() if row["verdict"] == "failed"}
        assert broken == {"bokehjs", "torch", "cache"}
        assert all(rows[name]["remedy"] for name in broken)
        assert "stay blank" in str(rows["bokehjs"]["found"])
        assert "libcudart.so" in str(rows["torch"]["found"])
        assert "STELLARNB_CACHE" in str(rows["cache"]["remedy"])

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a Linux")
    def test_a_folder_that_refuses_files_though_it_is_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Root may write to whatever has mode 555; not so to the kernel's own files.
        monkeypatch.setenv("STELLARNB_CACHE", "/proc/self")
        (finding,) = places.check_cache()
        assert finding.verdict == "failed"
        assert "/proc/self cannot be written" in finding.found

    def test_a_torch_that_is_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metadata, "requires", lambda name: ["torch>=99"])
        (finding,) = networks.check_torch()
        assert finding.verdict == "failed"
        assert "needed is >=99" in finding.found
        assert '"torch>=99"' in finding.remedy

    def test_a_device_that_torch_does_not_know(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STELLARNB_DEVICE", "gpux")
        (finding,) = networks.check_torch()
        assert finding.verdict == "failed"
        assert "gpux" in finding.found
        assert "STELLARNB_DEVICE" in finding.remedy

    def test_packages_that_are_missing_or_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = ["numpy>=99", "no-such-package>=1", "rich>=1", 'keras>=3; extra == "bench"']
        monkeypatch.setattr(metadata, "requires", lambda name: wanted)
        (finding,) = packages.check_packages()
        assert finding.verdict == "failed"
        assert f"numpy {metadata.version('numpy')}, needed is >=99" in finding.found
        assert "no-such-package is missing" in finding.found
        assert '"numpy>=99" "no-such-package>=1"' in finding.remedy
        assert "rich" not in finding.found
        assert "keras" not in finding.found

    def test_extras_are_said_and_never_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wanted = ['no-such-package>=1; extra == "xp"', 'rich>=1; extra == "train"']
        monkeypatch.setattr(metadata, "requires", lambda name: wanted)
        (finding,) = packages.check_extras()
        assert finding.verdict == "ok"
        assert finding.details["train"] is True
        assert finding.details["xp"] is False
        assert 'stellarnb[xp]"' in finding.remedy

    def test_weights_with_one_flipped_byte(
        self, own_place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shipped = weights.shipped_path
        monkeypatch.setattr(
            weights, "shipped_path", lambda card: damaged if card.name == "rave" else shipped(card)
        )
        damaged = own_place / "rave.safetensors"
        data = bytearray(shipped(load_card("rave")).read_bytes())
        data[1000] ^= 1
        damaged.write_bytes(bytes(data))
        (finding,) = networks.check_weights()
        assert finding.verdict == "failed"
        assert "sha256" in finding.found
        assert str(damaged) in finding.found
        damaged.unlink()
        assert networks.check_weights()[0].verdict == "failed"

    def test_a_damaged_cache_is_mended_and_said(self) -> None:
        store = Store()
        store.keep_table({"adql": "SELECT 1"}, Result({"a": [1, 2, 3]}))
        assert places.check_cache()[0].verdict == "ok"
        (file,) = store.folder.rglob("*.parquet")
        file.chmod(0o644)
        file.write_bytes(b"x" * file.stat().st_size)
        (finding,) = places.check_cache()
        assert finding.verdict == "warning"
        assert "1 of 1 files were damaged" in finding.found
        assert places.check_cache()[0].verdict == "ok"

    def test_extensions_that_are_missing_or_disabled(
        self, own_place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "labextension @bokeh/jupyter_bokeh"
        assert only(frontend.check_extensions(), name).verdict == "ok"
        # Where stellarnb was installed with Node.js its own is there: look as if it were not.
        real = config.get_federated_extensions
        without = lambda places: {k: v for k, v in real(places).items() if k != "stellarnb"}  # noqa: E731
        with monkeypatch.context() as patch:
            patch.setattr(config, "get_federated_extensions", without)
            missing = only(frontend.check_extensions(), "labextension stellarnb")
        assert missing.verdict == "warning"
        extension(own_place, "stellarnb")
        assert only(frontend.check_extensions(), "labextension stellarnb").verdict == "ok"
        page = own_place / "config" / "labconfig" / "page_config.json"
        page.parent.mkdir(parents=True)
        page.write_text(json.dumps({"disabledExtensions": {"@bokeh/jupyter_bokeh:plugin": True}}))
        finding = only(frontend.check_extensions(), name)
        assert finding.verdict == "failed"
        assert "enable @bokeh/jupyter_bokeh" in finding.remedy

    def test_a_kernel_of_another_python(self, own_place: Path) -> None:
        assert frontend.check_kernel()[0].verdict == "ok"
        place = own_place / "jupyter" / "kernels" / "python3"
        place.mkdir(parents=True)
        spec = {"argv": ["/opt/other/bin/python"], "display_name": "P", "language": "python"}
        (place / "kernel.json").write_text(json.dumps(spec))
        (finding,) = frontend.check_kernel()
        assert finding.verdict == "warning"
        assert "/opt/other/bin/python" in finding.found

    def test_a_jupyterlab_of_another_python_on_the_path(
        self, own_place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = own_place / "jupyter-lab"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
        monkeypatch.setenv("PATH", str(own_place))
        finding = only(frontend.check_jupyter(), "jupyterlab")
        assert finding.verdict == "warning"
        assert f"{sys.executable} -m jupyterlab" in finding.remedy

    @pytest.mark.parametrize(("free", "verdict"), [(10**8, "failed"), (8 * 10**8, "warning")])
    def test_little_memory(self, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str) -> None:
        monkeypatch.setattr(places, "available_memory", lambda: free)
        (finding,) = places.check_memory()
        assert finding.verdict == verdict
        assert finding.remedy

    @pytest.mark.usefixtures("quick_torch")
    def test_a_wrong_setting_is_named_and_the_rest_goes_on(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("STELLARNB_OFFLINE", "maybe")
        status, rows = run(monkeypatch, capsys)
        assert status == 1
        assert "STELLARNB_OFFLINE='maybe'" in str(rows["settings"]["found"])
        assert rows["packages"]["verdict"] == "ok"
        assert rows["bokehjs"]["verdict"] == "ok"

    @pytest.mark.usefixtures("quick_torch")
    def test_a_check_that_breaks_is_a_finding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> list[Finding]:
            raise RuntimeError("no such luck")

        monkeypatch.setattr(frontend, "check_bokehjs", broken)
        found = run_doctor()
        assert only(found, "bokehjs").verdict == "failed"
        assert "no such luck" in only(found, "bokehjs").found
        assert only(found, "embedded archive").verdict == "ok"


class TestNetwork:
    """Nothing is asked unless one wants it; being offline is no fault."""

    @pytest.mark.usefixtures("quick_torch")
    def test_offline_is_said_and_no_socket_is_opened(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def connect(self: socket.socket, address: object) -> None:
            pytest.fail(f"asked {address}")

        monkeypatch.setattr(socket.socket, "connect", connect)
        monkeypatch.setenv("STELLARNB_OFFLINE", "1")
        status, rows = run(monkeypatch, capsys, "--online")
        assert status == 0
        assert rows["network"]["verdict"] == "ok"
        assert "STELLARNB_OFFLINE is set" in str(rows["network"]["found"])

    def test_archives_that_answer_differ_or_are_down(self) -> None:
        with archive_server() as server:
            gaia = open_archive("gaia", url=server.tap_url, cache=False).survey
            # The small server has not all that is known of the real one.
            small = replace(
                gaia,
                parts=gaia.parts[:1],
                columns={name: gaia.columns[name] for name in ("source_id", "ra", "dec")},
            )
            galah = open_archive("galah", url=server.tap_url, cache=False).survey
            rave = open_archive("rave", url="http://127.0.0.1:9/tap", cache=False).survey
            archives = [
                RemoteArchive(survey, cache=False, transport=Transport(retries=0))
                for survey in (small, galah, rave)
            ]
            found = services.check_network(True, archives)
        gaia_found, galah_found, rave_found = found
        assert gaia_found.verdict == "ok"
        assert galah_found.verdict == "warning"
        assert "TAP_SCHEMA does not list it" in galah_found.found
        assert rave_found.verdict == "warning"
        assert rave_found.found.startswith("ArchiveDown")
        assert all(f.remedy for f in found if f.verdict != "ok")


@pytest.fixture
def quick_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the seconds of importing torch where it is not what is tested."""
    monkeypatch.setattr(networks, "check_torch", lambda: [Finding("torch", "ok", "not asked")])

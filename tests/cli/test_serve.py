"""The command ``serve`` is one library call, and says what it serves."""

import autosplit.deploy.server
from autosplit.cli.app import main
from autosplit.deploy.server import Batching


def test_it_says_what_it_serves(monkeypatch, capsys):
    def serve(bundle, where, ready, log, batching):
        assert log is None
        assert batching == Batching(most_rows=8, wait_s=0.002, most_waiting=32)
        ready((str(bundle), "second"))
        assert (where.host, where.port, where.grpc_port) == ("127.0.0.1", 9000, 9001)

    monkeypatch.setattr(autosplit.deploy.server, "serve", serve)
    batching = "--batch 8 --batch-wait 2ms --queue 32"

    assert main(f"serve b --port 9000 --grpc-port 9001 {batching}".split()) == 0

    assert (
        "serve: b, second on http://127.0.0.1:9000 and grpc://127.0.0.1:9001"
        in capsys.readouterr().err
    )


def test_an_open_address_is_refused_with_status_1(tmp_path, capsys):
    assert main(["serve", str(tmp_path), "--host", "0.0.0.0"]) == 1

    assert "needs TLS and a token: give --credentials FOLDER" in capsys.readouterr().err


def test_a_folder_of_credentials_is_filled_and_opens_the_address(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(autosplit.deploy.server, "serve", lambda *given: given[2](("p",)))

    asked = ["serve", "b", "--host", "0.0.0.0", "--credentials", str(tmp_path / "c")]
    assert main(asked) == 0

    assert "serve: p on https://0.0.0.0:8000" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        "cert.pem",
        "key.pem",
        "token.txt",
    ]
    assert main([*asked, "--tls-names", "cloud.example"]) == 0
    assert "refuse it; for a new one move it and its key away" in capsys.readouterr().err


def test_without_options_it_batches_as_the_library_does(monkeypatch):
    monkeypatch.setattr(autosplit.deploy.server, "serve", lambda *given: seen.append(given[4]))
    seen = []
    assert main(["serve", "b"]) == 0
    assert seen == [Batching(most_rows=16, wait_s=0, most_waiting=256)]

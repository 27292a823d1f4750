"""The command ``serve`` is one library call, and says what it serves."""

import autosplit.deploy.server
from autosplit.cli.app import main


def test_it_says_what_it_serves(monkeypatch, capsys):
    def serve(bundle, where, ready, log):
        assert log is None
        ready((str(bundle), "second"))
        assert (where.host, where.port, where.grpc_port) == ("127.0.0.1", 9000, 9001)

    monkeypatch.setattr(autosplit.deploy.server, "serve", serve)

    assert main("serve b --port 9000 --grpc-port 9001".split()) == 0

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

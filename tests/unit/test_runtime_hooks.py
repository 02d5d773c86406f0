"""Hooks as the user's commands and services meet them."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from migration_core.errors import ConfigError, Transient
from runtime import hooks
from runtime.hooks import HookCall, HookFailed, call

CALL = HookCall("freeze", "cutover-1-3-freeze", 1, rehearsal=True)


def run(hook, *, seconds=30.0, beat=lambda: None):
    call(hook, CALL, seconds=seconds, beat=beat)


def test_a_command_hears_its_step_and_its_token_in_its_environment(tmp_path):
    told = tmp_path / "told"
    script = f"import os; open({str(told)!r}, 'w').write(os.environ['MIGRATION_TOKEN'] + os.environ['MIGRATION_HOOK'])"

    run(f'{sys.executable} -c "{script}"')

    assert told.read_text() == "cutover-1-3-freezefreeze"


def test_a_command_that_ends_badly_says_no():
    with pytest.raises(HookFailed, match="freeze hook ended with 3"):
        run(f'{sys.executable} -c "raise SystemExit(3)"')


def test_a_command_that_takes_too_long_is_ended_with_its_children():
    with pytest.raises(HookFailed, match="took longer"):
        run("sh -c 'sleep 60 & wait'", seconds=0.2)


def test_a_command_that_is_not_there_is_a_fault_of_the_configuration_and_its_words_are_not_shown():
    with pytest.raises(ConfigError) as told:
        run("/nowhere/freeze --password hush")

    assert "hush" not in str(told.value)


def test_a_lock_lost_meanwhile_is_told_only_when_the_hook_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "_LOOK_SECONDS", 0.01)
    lost_at, over = tmp_path / "lost", tmp_path / "over"

    def lost():
        lost_at.touch()
        raise Transient("lost")

    with pytest.raises(Transient):
        run(f"sh -c 'until [ -e {lost_at} ]; do :; done; touch {over}'", beat=lost)

    assert over.exists()


class Answering(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(self.server.code)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def service():
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.heard, server.code = [], 204
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_posted_to_with_the_token_as_its_idempotency_key(service):
    run(f"http://127.0.0.1:{service.server_port}/freeze")

    assert service.heard == [(CALL.token, {"hook": "freeze", "token": CALL.token, "cutover": "1", "rehearsal": "1"})]


def test_a_url_that_answers_an_error_says_no(service):
    service.code = 500

    with pytest.raises(HookFailed, match="answered 500"):
        run(f"http://127.0.0.1:{service.server_port}/freeze?secret=hush")

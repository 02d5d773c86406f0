"""A snapshot folder from a web server: whole or without a manifest, whatever the server and the power do."""

import json
import signal
from dataclasses import replace
from datetime import timedelta
from threading import Event
from types import SimpleNamespace

import pytest

from migration_core.errors import ConfigError, SnapshotError, Transient
from migration_core.manifest import FILE_NAME
from migration_core.steps import Step
from snapshot_loader import fetching
from snapshot_loader.stopping import StoppedEarly
from tests.integration.fetching import SIZE, Export, some_bytes, told
from tests.servers.file_server import Fault, file_server
from tests.servers.secure import Authority
from tests.waiting import until

ONE = "export/one"
FETCH_STEPS = [step for step in Step if step.startswith("fetch.")]
SOON = timedelta(seconds=20)
S3_ENV = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "eu-west-1"}


@pytest.fixture
def server():
    with file_server() as found:
        yield found


@pytest.fixture
def export(server, tmp_path):
    found = Export(server, tmp_path / "snapshot")
    found.write(one=some_bytes(), two=some_bytes(SIZE // 3, seed=2), empty=b"", below__three=some_bytes(10, seed=3))
    return found


class TestFetching:
    def test_the_folder_becomes_equal_to_its_source_and_nothing_else_is_left(self, export):
        found = export.fetch()

        export.expect_equal()
        total = sum(map(len, export.parts.values()))
        assert (found.parts, found.bytes, found.fetched_bytes, found.parts_found) == (4, total, total, 0)

    def test_a_second_run_over_a_complete_folder_asks_for_the_manifest_alone(self, export, server):
        export.fetch()
        asked = len(server.asked)

        again = export.fetch()

        assert [one.name for one in server.asked[asked:]] == [f"export/{FILE_NAME}"]
        assert (again.parts_found, again.fetched_bytes) == (4, 0)
        export.expect_equal()

    def test_a_part_that_was_lost_later_comes_back_and_meanwhile_nobody_may_load(self, export, server):
        export.fetch()
        (export.folder / "one").unlink()
        server.faults[ONE] = [Fault(status=404)]

        with pytest.raises(SnapshotError):
            export.fetch()
        export.expect_not_loadable()
        found = export.fetch()

        export.expect_equal()
        assert (found.parts_found, found.fetched_bytes) == (3, SIZE)

    def test_no_manifest_is_there_while_any_part_is_not(self, export):
        seen = []

        export.fetch(reached=lambda step: seen.append((step, (export.folder / FILE_NAME).exists())))

        assert [there for step, there in seen if step is not Step.FETCH_MANIFEST_PLACED] == [False] * (len(seen) - 1)
        assert seen[-1] == (Step.FETCH_MANIFEST_PLACED, True)

    def test_a_part_that_somebody_copied_there_is_believed_by_its_digest_alone(self, export, server):
        export.folder.mkdir()
        (export.folder / "one").write_bytes(export.parts["one"])
        (export.folder / "two").write_bytes(bytes(len(export.parts["two"])))

        found = export.fetch()

        export.expect_equal()
        assert server.of(ONE) == []
        assert found.parts_found == 1

    def test_a_folder_of_another_snapshot_is_left_as_it_is(self, export):
        export.fetch()
        old = export.manifest()
        export.write(one=some_bytes(seed=9))

        with pytest.raises(SnapshotError, match="is of another snapshot than the source's"):
            export.fetch()

        assert (export.folder / FILE_NAME).read_bytes() == old

    def test_a_second_fetch_into_the_folder_is_told_to_wait(self, export, server):
        server.faults[ONE] = [Fault(hold=1000)]
        first = export.command()
        until(server.held.is_set, "the server holds an answer back")

        with pytest.raises(Transient, match="another process is fetching"):
            export.fetch()

        server.release.set()
        assert first.wait(60) == 0
        assert export.said()[1] != ""
        export.expect_equal()

    def test_too_little_room_is_told_before_anything_is_fetched(self, export, server, monkeypatch):
        monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))

        with pytest.raises(ConfigError, match=r"has room for 1,000 bytes, and 400,010 are to come"):
            export.fetch()

        assert server.of(ONE) == []

    @pytest.mark.parametrize("name", ["../one", "/etc/one", ".fetch/one", "a/../../one"])
    def test_a_part_cannot_leave_the_folder_or_take_a_name_of_the_fetch(self, export, server, name):
        data = server.files[f"export/{FILE_NAME}"].replace(b'"file": "one"', json.dumps({"file": name})[1:-1].encode())
        server.files[f"export/{FILE_NAME}"] = data

        with pytest.raises(SnapshotError):
            export.fetch()

        assert [one.name for one in server.asked] == [f"export/{FILE_NAME}"]

    def test_a_link_that_lies_there_leads_no_part_out(self, export, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        export.folder.mkdir()
        (export.folder / "below").symlink_to(outside)

        with pytest.raises(SnapshotError, match="a link leads out of"):
            export.fetch()

        assert list(outside.iterdir()) == []
        export.expect_not_loadable()


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault(cut=100_000), Fault(cut=100_000, unsized=True), Fault(status=503), Fault(status=429), Fault(cut=0),
        ],
    )  # fmt: skip
    def test_what_passes_by_itself_is_tried_again_from_where_it_stood(self, export, server, fault):
        server.faults[ONE] = [fault]

        found = export.fetch(patience=SOON)

        export.expect_equal()
        assert found.retries == 1
        assert server.sent(ONE) == SIZE
        assert server.ranges(ONE) == [None, f"bytes={fault.cut}-" if fault.cut else None]

    def test_a_source_that_gives_a_little_each_time_is_followed_to_the_end(self, export, server):
        server.faults[ONE] = [Fault(cut=30_000)] * 9

        export.fetch(patience=SOON)

        export.expect_equal()
        assert server.sent(ONE) == SIZE

    def test_a_source_that_ignores_ranges_and_always_breaks_off_is_given_up(self, export, server):
        server.faults[ONE] = [Fault(cut=100_000, ignores_range=True)] * 5

        with pytest.raises(Transient, match=r"^one: byte 100000 of 300000: http://127.0.0.1:\d+/export/one: "):
            export.fetch()

        assert len(server.of(ONE)) == 2
        export.expect_not_loadable()

    def test_a_range_that_is_ignored_begins_the_part_anew(self, export, server):
        server.faults[ONE] = [Fault(cut=100_000), Fault(ignores_range=True)]

        export.fetch()

        export.expect_equal()
        assert server.sent(ONE) == 100_000 + SIZE

    @pytest.mark.parametrize("status", [400, 403, 404])
    def test_an_answer_that_blames_the_request_is_not_asked_for_again(self, export, server, status):
        server.faults[ONE] = [Fault(status=status)]

        with pytest.raises((SnapshotError, ConfigError), match=rf"^one: byte 0 of 300000: http.*/one: HTTP {status}: "):
            export.fetch(patience=SOON)

        assert len(server.of(ONE)) == 1
        export.expect_not_loadable()

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (Fault(body=some_bytes(SIZE - 1)), "it has 299999 bytes"),
            (Fault(body=some_bytes(SIZE + 1)), "it has 300001 bytes"),
            (Fault(body=some_bytes(SIZE + 1), unsized=True), "it has more bytes than the manifest says"),
            (Fault(body=some_bytes(seed=5)), "its SHA-256 is"),
            (Fault(encoding="gzip"), "it comes compressed on the way"),
        ],
    )
    def test_a_part_that_is_not_what_the_manifest_says_never_gets_its_name(self, export, server, fault, said):
        server.faults[ONE] = [fault]

        with pytest.raises(SnapshotError, match=said):
            export.fetch()

        assert not (export.folder / "one").exists()
        export.expect_not_loadable()

    def test_one_part_that_cannot_be_had_stops_the_others_at_a_checkpoint(self, export, server):
        server.faults["export/two"] = [Fault(status=404)]
        server.faults[ONE] = [Fault(cut=100_000), *[Fault(status=503)] * 50]

        with pytest.raises(SnapshotError, match=r"^two: .* there is no such file"):
            export.fetch(patience=SOON)
        server.faults.clear()
        found = export.fetch()

        export.expect_equal()
        assert found.resumed_bytes <= 100_000

    def test_a_manifest_that_is_none_fetches_nothing(self, export, server):
        server.files[f"export/{FILE_NAME}"] = b"<html>welcome</html>"

        with pytest.raises(SnapshotError, match=r"export/manifest.json: not valid JSON"):
            export.fetch()

        assert not export.folder.exists()


class TestAChangedSource:
    def begun(self, export, server, served=None):
        """A third of the only part is there, of what the server had then."""
        export.write(one=export.parts["one"])
        server.files[ONE] = served or export.parts["one"]
        server.faults[ONE] = [Fault(cut=100_000), *[Fault(status=503)] * 5]
        with pytest.raises(Transient):
            export.fetch()
        server.files[ONE] = export.parts["one"]
        server.faults.clear()
        server.asked.clear()

    def test_a_part_is_tied_to_the_file_of_which_it_is_begun(self, export, server):
        self.begun(export, server)

        found = export.fetch()

        export.expect_equal()
        assert found.resumed_bytes == 100_000
        assert server.ranges(ONE) == ["bytes=100000-"]
        assert server.sent(ONE) == SIZE - 100_000

    def test_a_file_that_was_replaced_is_fetched_once_and_whole(self, export, server):
        """Its content is what the manifest says, but the half that is there was of a broken one."""
        good = export.parts["one"]
        self.begun(export, server, served=good[:50_000] + bytes(50_000) + good[100_000:])

        export.fetch()

        export.expect_equal()
        assert server.ranges(ONE) == ["bytes=100000-"]
        assert server.sent(ONE) == SIZE

    def test_a_server_that_ignores_if_range_is_found_by_the_tag_of_its_answer(self, export, server):
        self.begun(export, server)
        server.faults[ONE] = [Fault(ignores_if_range=True, etag='"another"')]

        export.fetch(patience=SOON)

        export.expect_equal()
        assert server.ranges(ONE) == ["bytes=100000-", None]

    def test_a_server_that_lies_about_its_tag_is_found_by_the_digest(self, export, server):
        good = export.parts["one"]
        server.files[ONE] = bytes(100_000) + good[100_000:]
        server.faults[ONE] = [Fault(cut=100_000, etag='"same"'), Fault(status=503)]
        with pytest.raises(Transient):
            export.fetch()
        server.files[ONE] = good
        server.faults[ONE] = [Fault(etag='"same"'), Fault(etag='"same"')]

        export.fetch()

        export.expect_equal()
        assert server.ranges(ONE)[-2:] == ["bytes=100000-", None]

    def test_a_server_without_strong_tags_is_asked_for_the_whole_again(self, export, server):
        server.faults[ONE] = [Fault(cut=100_000, etag='W/"weak"'), Fault(etag='W/"weak"')]

        export.fetch()

        export.expect_equal()
        assert server.ranges(ONE) == [None, None]

    def test_a_range_that_begins_elsewhere_is_not_taken(self, export, server):
        server.faults[ONE] = [Fault(cut=100_000), Fault(shifted=7)]

        export.fetch(patience=SOON)

        export.expect_equal()
        assert server.ranges(ONE) == [None, "bytes=100000-", None]

    def test_nothing_of_an_older_export_goes_on_in_a_newer_one(self, export, server):
        self.begun(export, server)
        export.write(one=some_bytes(seed=7))

        found = export.fetch()

        export.expect_equal()
        assert (found.resumed_bytes, server.ranges(ONE)) == (0, [None])

    def test_half_a_part_that_the_disk_changed_is_fetched_again(self, export, server):
        self.begun(export, server)
        [half] = [file for file in (export.folder / ".fetch").iterdir() if file.stat().st_size == 100_000]
        half.write_bytes(bytes(100_000))

        export.fetch()

        export.expect_equal()


class TestDying:
    def test_a_kill_in_mid_part_costs_no_byte_that_had_arrived(self, export, server):
        export.write(one=export.parts["one"])
        server.faults[ONE] = [Fault(hold=200_000)]
        there = export.killed_in_mid_part()
        export.expect_not_loadable()
        server.asked.clear()

        code, out, err = export.run("--json")

        assert code == 0, err
        assert there == 131_072  # whole blocks; the rest of 200,000 was on its way to the file
        export.expect_equal()
        assert server.ranges(ONE) == [f"bytes={there}-"]
        assert server.sent(ONE) == SIZE - there
        assert told(out)["resumed_bytes"] == there

    @pytest.mark.parametrize("step", FETCH_STEPS)
    def test_a_kill_at_any_step_is_made_good_by_the_same_command(self, export, server, step):
        code, _, _ = export.run(MIGRATION_FAILPOINTS=step)
        assert code == -signal.SIGKILL
        if step is not Step.FETCH_MANIFEST_PLACED:
            export.expect_not_loadable()
        server.asked.clear()

        found = export.fetch()

        export.expect_equal()
        assert found.parts == 4
        if step in (Step.FETCH_PARTS_PLACED, Step.FETCH_MANIFEST_PLACED):
            assert [one.name for one in server.asked] == [f"export/{FILE_NAME}"]

    def test_sigterm_stops_at_a_checkpoint_and_asks_to_be_run_again(self, export, server):
        server.faults[ONE] = [Fault(cut=100_000), *[Fault(status=503)] * 50]
        process = export.command()
        until(lambda: "waiting: one: byte 100000 of 300000: http" in export.said()[1], "it says what it waits for")

        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 75
        assert "stopped at a checkpoint" in export.said()[1]
        server.faults.clear()
        export.fetch()
        export.expect_equal()
        assert server.sent(ONE) == SIZE

    def test_the_time_limit_stops_a_part_between_two_blocks(self, export, server):
        stop = Event()
        server.faults[ONE] = [Fault(cut=200_000)]

        with pytest.raises(StoppedEarly, match="run the same command again"):
            export.fetch(reached=lambda step: stop.set() if step is Step.FETCH_PART_BEGUN else None, stop=stop)

        export.expect_not_loadable()
        assert export.fetch().resumed_bytes > 0
        export.expect_equal()

    def test_a_time_limit_that_is_over_is_exit_code_75(self, export, server):
        server.faults[f"export/{FILE_NAME}"] = [Fault(status=503)] * 100

        code, _, err = export.run("--time-limit", "0.1s")

        assert code == 75
        assert "run the same command again" in err


class TestWhoMayRead:
    def test_a_token_and_headers_come_from_the_environment_and_go_to_the_source(self, export, server, tmp_path):
        (tmp_path / "token").write_text("hush\n")
        headers = json.dumps({"X-Api-Key": "secret"})

        code, _, err = export.run(SNAPSHOT_SOURCE_TOKEN_FILE=str(tmp_path / "token"), SNAPSHOT_SOURCE_HEADERS=headers)

        assert code == 0, err
        assert {one.headers["authorization"] for one in server.asked} == {"Bearer hush"}
        assert {one.headers["x-api-key"] for one in server.asked} == {"secret"}

    def test_another_host_is_never_told_who_asks(self, export, server):
        export.secrets = {"Authorization": "Bearer hush", "X-Api-Key": "secret"}
        with file_server() as other:
            other.files = {"elsewhere/one": export.parts["one"]}
            other.faults["elsewhere/one"] = [Fault(status=302, location=f"{server.url}/export/one?signature=hidden")]
            server.faults[ONE] = [Fault(status=307, location=f"{other.url}/elsewhere/one?signature=hidden")]

            export.fetch()

            export.expect_equal()
            [asked] = other.of("elsewhere/one")
        assert not {"authorization", "x-api-key"} & asked.headers.keys()
        first, back = server.of(ONE)
        assert first.headers["authorization"] == "Bearer hush"
        assert "authorization" not in back.headers

    def test_no_error_shows_a_query_or_a_secret(self, export, server):
        export.secrets = {"Authorization": "Bearer hush"}
        server.faults[ONE] = [Fault(status=302, location=f"{server.url}/gone?signature=hidden")]

        with pytest.raises(SnapshotError) as raised:
            export.fetch()

        assert "hush" not in str(raised.value)
        assert "hidden" not in str(raised.value)

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("http://legacy.example/export/", "write https, or say --allow-http"),
            ("https://user:hush@legacy.example/export/", "could be read in the process list"),
            ("https://legacy.example/export/?token=hush", "could be read in the process list"),
            ("ftp://legacy.example/export", "write s3://bucket/prefix or https://host/path/"),
            ("/mnt/export", "write s3://bucket/prefix or https://host/path/"),
            ("s3://Not_A_Bucket/export", "write s3://bucket/prefix or https://host/path/"),
        ],
    )
    def test_a_source_that_cannot_be_right_is_usage(self, export, source, said):
        code, _, err = export.run(source=source)

        assert code == 2
        assert said in err
        assert "hush" not in err

    @pytest.mark.parametrize(
        "headers",
        ["hush", '["hush"]', '{"Range": "hush"}', '{"X Y": "hush"}', '{"X": "hush\\n"}', '{"Authorization": "hush"}'],
    )
    def test_headers_that_cannot_be_sent_are_told_without_their_value(self, export, server, headers):
        code, _, err = export.run(SNAPSHOT_SOURCE_HEADERS=headers, SNAPSHOT_SOURCE_TOKEN="hush")

        assert code == 2
        assert "SNAPSHOT_SOURCE_HEADERS" in err or "header X" in err
        assert "hush" not in err
        assert server.asked == []

    def test_a_redirect_to_plain_http_of_another_host_is_refused(self, export, server):
        server.faults[ONE] = [Fault(status=302, location="http://legacy.example/export/one")]

        with pytest.raises(ConfigError, match="anybody on the way could read and change it"):
            export.fetch()

    def test_a_server_is_trusted_by_its_authority_alone(self, tmp_path):
        good, other = Authority(tmp_path, "good"), Authority(tmp_path, "other")
        with file_server(good.server("files", "localhost")) as server:
            export = Export(server, tmp_path / "snapshot")
            export.write(one=some_bytes())

            refused = export.run(SSL_CERT_FILE=str(other.file))
            taken = export.run("--json", SSL_CERT_FILE=str(good.file))

        assert refused[0] == 2
        assert "set SSL_CERT_FILE" in refused[2]
        assert taken[0] == 0, taken[2]
        export.expect_equal()


class TestS3:
    """Through the SDK, from a server that answers GetObject with Range and If-Match as S3 documents it.

    One of our own, and no simulator: those end no connection in mid-object, which is what matters here.
    """

    @pytest.fixture
    def bucket(self, export, server):
        server.files = {f"legacy-export/{name}": data for name, data in server.files.items()}
        return replace(export, parts=export.parts)

    def s3(self, bucket, *options, **variables):
        env = {**S3_ENV, "AWS_ENDPOINT_URL_S3": bucket.server.url, **variables}
        return bucket.run(*options, source="s3://legacy-export/export", **env)

    def equal(self, bucket):
        bucket.server.files = {name.removeprefix("legacy-export/"): data for name, data in bucket.server.files.items()}
        bucket.expect_equal()

    def test_a_cut_object_is_resumed_where_it_stood(self, bucket, server):
        one = f"legacy-export/{ONE}"
        server.faults[one] = [Fault(cut=100_000), Fault(status=503)]

        code, out, err = self.s3(bucket, "--json")

        assert code == 0, err
        assert server.ranges(one) == [None, "bytes=100000-", "bytes=100000-"]
        assert {asked.headers.get("if-match") for asked in server.of(one)[1:]} != {None}
        assert server.sent(one) == SIZE
        assert told(out)["retries"] == 2
        self.equal(bucket)

    def test_an_object_that_changed_is_begun_anew(self, bucket, server):
        one = f"legacy-export/{ONE}"
        server.faults[one] = [Fault(cut=100_000, etag='"older"')]

        code, _, err = self.s3(bucket)

        assert code == 0, err
        assert server.ranges(one) == [None, "bytes=100000-", None]
        self.equal(bucket)

    def test_an_object_that_may_not_be_read_is_configuration_and_one_that_is_not_there_is_no(self, bucket, server):
        server.faults[f"legacy-export/{ONE}"] = [Fault(status=403)]
        denied = self.s3(bucket)
        del server.files[f"legacy-export/{ONE}"]
        missing = self.s3(bucket)

        assert denied[0] == 2
        assert "one: byte 0 of 300000: s3://legacy-export/export/one: 403: HTTP 403" in denied[2]
        assert missing[0] == 1
        assert "one: byte 0 of 300000: s3://legacy-export/export/one: 404: HTTP 404" in missing[2]

"""What a fetch of a snapshot must never do."""

from tests.mutants.mutant import Mutant

_TESTS = "tests/integration/test_snapshot_fetch.py"
_FETCH, _PART, _HTTPS = "snapshot_loader/fetching.py", "snapshot_loader/fetch_part.py", "remote_files/https.py"
_PLACE = "                place_manifest(folder, text)  # last: whoever sees it may load the folder\n"
_BRING = "                fetched = _bring(fetching, space, parts)\n"

MUTANTS = [
    Mutant(
        "the manifest is in place before the parts are",
        _FETCH,
        f"{_BRING}{_PLACE}",
        f"{_PLACE}{_BRING}",
        (
            f"{_TESTS}::TestFetching::test_no_manifest_is_there_while_any_part_is_not",
            f"{_TESTS}::TestDying::test_a_kill_in_mid_part_costs_no_byte_that_had_arrived",
        ),
    ),
    Mutant(
        "a manifest stays while its parts are brought back",
        _FETCH,
        "    file.unlink()  # until the parts",
        "    # until the parts",
        (f"{_TESTS}::TestFetching::test_a_part_that_was_lost_later_comes_back_and_meanwhile_nobody_may_load",),
    ),
    Mutant(
        "the digest of a fetched part is not compared",
        _PART,
        "        found = file.sha256()\n        if found != self._part.sha256:\n",
        "        found = file.sha256()\n        if not found:\n",
        (f"{_TESTS}::TestFaults::test_a_part_that_is_not_what_the_manifest_says_never_gets_its_name",),
    ),
    Mutant(
        "a part is resumed without If-Range",
        _HTTPS,
        '            asked["If-Range"] = validator\n',
        "            pass\n",
        (f"{_TESTS}::TestAChangedSource::test_a_file_that_was_replaced_is_fetched_once_and_whole",),
    ),
    Mutant(
        "an object of S3 is resumed without If-Match",
        "remote_files/s3.py",
        '            asked["IfMatch"] = validator',
        "            pass",
        (f"{_TESTS}::TestS3::test_an_object_that_changed_is_begun_anew",),
    ),
    Mutant(
        "a range that begins elsewhere is taken",
        _HTTPS,
        "        if begins is None or int(begins[1]) != offset:\n",
        "        if begins is None:\n",
        (f"{_TESTS}::TestAChangedSource::test_a_range_that_begins_elsewhere_is_not_taken",),
    ),
    Mutant(
        "what is there of a part is not hashed again",
        "snapshot_loader/partial_file.py",
        "            self._sha256.update(block)\n            self.at += len(block)\n            pulse()\n",
        "            self.at += len(block)\n            pulse()\n",
        (f"{_TESTS}::TestAChangedSource::test_a_part_is_tied_to_the_file_of_which_it_is_begun",),
    ),
    Mutant(
        "pieces that do not fit together are an error for ever",
        _PART,
        "        if file.sha256() != self._part.sha256 and self._pieced:\n",
        "        if False:\n",
        (f"{_TESTS}::TestAChangedSource::test_half_a_part_that_the_disk_changed_is_fetched_again",),
    ),
    Mutant(
        "a file of the right size is taken for the part",
        "snapshot_loader/fetch_space.py",
        "        if _sha256(path, pulse) != part.sha256:\n",
        "        if not _sha256(path, pulse):\n",
        (f"{_TESTS}::TestFetching::test_a_part_that_somebody_copied_there_is_believed_by_its_digest_alone",),
    ),
    Mutant(
        "two processes fetch into one folder",
        "snapshot_loader/fetch_space.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        (f"{_TESTS}::TestFetching::test_a_second_fetch_into_the_folder_is_told_to_wait",),
    ),
    Mutant(
        "a redirect takes credentials to another host",
        _HTTPS,
        "                secrets = {}  # and",
        "                pass  # and",
        (f"{_TESTS}::TestWhoMayRead::test_another_host_is_never_told_who_asks",),
    ),
    Mutant(
        "a source that begins again and again is followed for ever",
        _PART,
        "            if file.at - self._furthest < _STRIDE:\n",
        "            if file.at < _STRIDE:\n",
        (f"{_TESTS}::TestFaults::test_a_source_that_ignores_ranges_and_always_breaks_off_is_given_up",),
    ),
]

"""What the snapshot loader must never do."""

from tests.mutants.mutant import Mutant

_LOADER = "tests/integration/test_snapshot_loader.py"
_READING = "tests/unit/test_snapshot_reading.py"
_INSERT = "            raw.insert(session, self._stream.name, chunk.lines)\n"
_STARTS = (
    "    starts = {stream.name: view.offsets_now(stream.topics) for stream in taking.streams}\n"
    "    snapshots = [_Stream(taking, view, stream, starts[stream.name]).snapshot() for stream in taking.streams]\n"
)
_RETURN = "        return\n    session.execute(\"INSERT INTO source (stream_id, kind) VALUES (%s, 'partition')\""

MUTANTS = [
    Mutant(
        "a compressed part is believed without a look at the manifest",
        "snapshot_loader/reading.py",
        "                raise self._located(error, file, pending) from error\n",
        "                if self._compression == 'none':\n"
        "                    raise self._located(error, file, pending) from error\n",
        (f"{_READING}::test_a_cut_between_two_members_is_found_without_size_and_digest",),
    ),
    Mutant(
        "the digest of a part is not compared",
        "snapshot_loader/part_file.py",
        "        if self._sha256.hexdigest() != self._part.sha256:\n",
        "        if not self._sha256.hexdigest():\n",
        (f"{_READING}::test_every_cut_and_every_flipped_bit_is_found",),
    ),
    Mutant(
        "the checkpoint of a chunk is stored before its rows",
        "db/snapshot_store.py",
        _INSERT,
        f"            session.connection.commit()\n{_INSERT}",
        (f"{_LOADER}::TestDying::test_a_kill_at_any_pass_of_any_step_changes_nothing[loader.chunk_written]",),
    ),
    Mutant(
        "a chunk whose COMMIT was not answered is stored again without a look",
        "snapshot_loader/loading.py",
        "            if tried:\n",
        "            if False:\n",
        (f"{_LOADER}::TestDying::test_a_lost_answer_is_looked_up_before_anything_is_done_again",),
    ),
    Mutant(
        "a part opens before it is proved",
        "snapshot_loader/loading.py",
        "        self._parts.progress.advance(part.loaded.lines, skipped=True)\n",
        "        self._parts.progress.advance(part.loaded.lines, skipped=True)\n        store.open_part(part)\n",
        (f"{_LOADER}::TestDamage::test_nothing_of_a_damaged_part_becomes_visible",),
    ),
    Mutant(
        "keys that stand twice are named only when their part is open",
        "snapshot_loader/loading.py",
        "            if looks:\n                repeats.look()\n            self._open(store, waiting)\n",
        "            self._open(store, waiting)\n            if looks:\n                repeats.look()\n",
        (f"{_LOADER}::TestRepeatedKeys::test_they_are_named_before_their_part_opens",),
    ),
    Mutant(
        "the stream goes on from offsets read behind the snapshot",
        "snapshot_loader/taking.py",
        _STARTS,
        f"{_STARTS}"
        "    late = lambda t: t.model_copy(update={'start_offset': t.end_offset})\n"
        "    snapshots = [one.model_copy(update={'topics': tuple(map(late, one.topics))}) for one in snapshots]\n",
        ("tests/integration/test_snapshot_folders.py::TestTaking",),
    ),
    Mutant(
        "a second loader does not fence the first",
        "db/snapshot_registry.py",
        "(epoch + 1, folder, snapshot_id)\n",
        "(epoch, folder, snapshot_id)\n",
        (f"{_LOADER}::TestStopping::test_a_second_loader_takes_over_and_the_first_writes_nothing_more",),
    ),
    Mutant(
        "an offset row that exists is set back by a loader",
        "db/snapshot_registry.py",
        _RETURN,
        "        session.execute('UPDATE source_offset SET next_offset = %s', (offsets.start_offset,))\n" + _RETURN,
        ("tests/integration/test_orderings.py::TestTheLoader",),
    ),
]

"""What a reader of foreign bytes must never do; the short seeded fuzzing alone notices each of these."""

from tests.mutants.mutant import Mutant

_FUZZ = ("tests/unit/test_fuzz.py",)

MUTANTS = [
    Mutant(
        "a name that comes twice in a document is not seen",
        "migration_core/json_text.py",
        "        _refuse_duplicates(text, stage)\n",
        "        pass\n",
        _FUZZ,
    ),
    Mutant(
        "a document may be nested ten times as deep",
        "migration_core/json_text.py",
        "if _BRACKET in text else 0) > DEEPEST:\n",
        "if _BRACKET in text else 0) > 10 * DEEPEST:\n",
        _FUZZ,
    ),
    Mutant(
        "a name that comes twice in a line of kcat is not seen",
        "migration_core/containers/kcat.py",
        "        line = _each_name_once(line)\n",
        "        line = line.removeprefix(_BOM)\n",
        _FUZZ,
    ),
    Mutant(
        "a name that comes twice in a record key is seen without blanks alone",
        "migration_core/mapping/key_finder.py",
        "            if text.count(name) > 1 and len(labels(text)) > 1:\n",
        '            if text.count(name + b":") > 1:\n',
        _FUZZ,
    ),
    Mutant(
        "a doorbell that no UTF-8 holds kills its worker",
        "migration_core/doorbell.py",
        "    except (msgspec.MsgspecError, RecursionError, UnicodeError):\n",
        "    except (msgspec.MsgspecError, RecursionError):\n",
        _FUZZ,
    ),
    Mutant(
        "a manifest that is nested deep ends in a traceback",
        "migration_core/manifest.py",
        "    except (ValueError, RecursionError) as error:\n",
        "    except ValueError as error:\n",
        _FUZZ,
    ),
    Mutant(
        "a manifest writes what it likes to a terminal",
        "migration_core/manifest.py",
        "        yield f\"{file}: {printable(f'${path}: {message}')}\"\n",
        '        yield f"{file}: ${path}: {message}"\n',
        _FUZZ,
    ),
    Mutant(
        "a field takes bytes of the next row",
        "db/text_rows.py",
        "        if place != behind:\n",
        "        if False:\n",
        _FUZZ,
    ),
    Mutant(
        "a gzip part that is cut short counts as whole",
        "snapshot_loader/decompression.py",
        "            self._begun = True\n            try:\n                piece = self._member",
        "            try:\n                piece = self._member",
        _FUZZ,
    ),
    Mutant(
        "half of a surrogate pair in a mapping ends in a traceback",
        "migration_core/mapping/source.py",
        "    if not text.isascii() and any(",
        "    if False and any(",
        _FUZZ,
    ),
    Mutant(
        "anchors of a mapping may stand for any number of values",
        "migration_core/mapping/source.py",
        "        grown = _written_out(root, {}) > _LARGEST + _GROWS * len(text)\n",
        "        grown = False\n",
        ("tests/unit/test_mapping_loading.py::test_anchors_cannot_make_a_small_file_fill_the_memory",),
    ),
]

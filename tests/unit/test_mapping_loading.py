"""Each fault of a mapping file is told at its line and column, with what to write instead, and all at once."""

import pytest

from migration_core.errors import ConfigError
from migration_core.mapping import load_mapping
from tests.unit.mappings import SIMPLE

KEY, NAME, TOPIC = "    key: $.id\n", "          name: $.name\n", "    topic: legacy.users\n"
TABLES = SIMPLE[SIMPLE.index("    tables:") :]

# (id, what is replaced, by what - § marks where the fault is told, what is told)
FAULTS = [
    ("no schema", "target_schema: shop\n", "", "'target_schema' is missing; write `target_schema: name_of"),
    ("no streams", SIMPLE[SIMPLE.index("streams") :], "", "'streams' is missing; write `streams:` here"),
    ("no stream", SIMPLE[SIMPLE.index("streams") :], "§streams: {}", "there is no stream; write one below"),
    ("streams a list", SIMPLE[SIMPLE.index("streams") :], "§streams: [a]", "streams: write `name: value` lines below"),
    (
        "schema no text",
        "target_schema: shop",
        "§target_schema: 5",
        "target_schema: this is no text; write it in quotes",
    ),
    ("stream no object", SIMPLE[SIMPLE.index("  users") :], "  §users: 5", "users: write its keys below it"),
    ("unknown key", TOPIC, TOPIC + "    §lane: 8\n", "'lane' is no key here; did you mean 'lanes'?"),
    ("other part's key", TOPIC, TOPIC + "    §encoding: hex\n", "'encoding' is no key here; write "),
    ("alias", TOPIC, TOPIC + "    §validat: newest\n", "'validat' is no key here; did you mean 'validate'?"),
    ("inner name", TOPIC, TOPIC + "    §leave_out: {}\n", "'leave_out' is no key here"),
    ("no topic", "    topic: legacy.users", "    ", "'topic' is missing; write `topic: name` here"),
    ("empty topic", "topic: legacy.users", "§topic: []", "there is no topic"),
    ("odd topic", "topic: legacy.users", "§topic: a/b", "'a/b' is no name of a topic; write letters"),
    ("topic twice", "topic: legacy.users", "§topic: [a, a]", "a stands here twice"),
    ("topic number", "topic: legacy.users", "§topic: 5", "topic: write a list, as in [one, two]"),
    ("lanes true", TOPIC, TOPIC + "    §lanes: true\n", "lanes: write a whole number"),
    ("lanes text", TOPIC, TOPIC + '    §lanes: "8"\n', "lanes: write a whole number"),
    ("lanes 0", TOPIC, TOPIC + "    §lanes: 0\n", "lanes: Input should be greater than or equal to 1"),
    ("no format", TOPIC, TOPIC + "    §format: jsn\n", "there is no format 'jsn'; did you mean 'json'?"),
    ("no such format", TOPIC, TOPIC + "    §format: xml\n", "there is no format 'xml'; write debezium or json"),
    ("odd changes", TOPIC, TOPIC + "    §changes: ful\n", "changes: write 'full' or 'partial'; did you mean 'full'?"),
    ("partial newest", TOPIC, TOPIC + "    changes: partial\n    §validate: newest\n", "write validate: all"),
    (
        "partial debezium",
        TOPIC,
        TOPIC + "    format: debezium\n    §changes: partial\n",
        "format debezium has full images only; write changes: full",
    ),
    ("no key", KEY, "    §key: []\n", "a key has a part at least; write key: $.id"),
    ("bare key", KEY, "    §key: id\n", "path: 'id' is no path; write $.id instead"),
    ("key through a list", KEY, "    §key: $.id[*]\n", "$.id[*] does not lead from the document to one member"),
    ("key above", KEY, "    §key: $^.id\n", "$^.id does not lead from the document to one member"),
    ("key everything", KEY, "    §key: $\n", "$ does not lead from the document to one member"),
    ("key twice", KEY, "    §key: [$.id, $.id]\n", "$.id stands here twice"),
    ("key of another type", KEY, "    key: {path: $.id, §type: decimal}\n", "type: write 'string' or 'int'"),
    ("key without path", KEY, "    §key: {type: int}\n", "'path' is missing; write `path: $.name` here"),
    ("part of a key", KEY, "    key:\n      - $.id\n      - {path: $.b, §kind: int}\n", "'kind' is no key here"),
    ("text of two", KEY, "    key: [$.id, $.b]\n    §record_key: text\n", "a text holds one part, the key has 2"),
    ("one for two", KEY, "    key: [$.id, $.b]\n    §record_key: $.id\n", "1 paths for a key of 2 parts"),
    ("record key", KEY, KEY + "    §record_key: txt\n", "record_key: 'txt' is no path; write $.txt instead"),
    ("record key no text", KEY, KEY + "    §record_key: 5\n", "record_key: a path is text; write $.name instead"),
    ("op without words", KEY, KEY + "    §op: {path: $.op}\n", "no word is named"),
    ("op twice", KEY, KEY + "    §op: {path: $.op, image: [a], delete: [a]}\n", "'a' has two meanings"),
    ("op merges", KEY, KEY + "    op: {path: $.op, §merge: [a]}\n", "nothing to merge with; write changes: partial"),
    ("op number", KEY, KEY + "    op: {path: $.op, image: [§1]}\n", "this is no text; write it in quotes"),
    ("op of debezium", KEY, KEY + "    format: debezium\n    §op: {path: $.op, image: [a]}\n", "leave it out"),
    ("document of debezium", KEY, KEY + "    format: debezium\n    §document: $.b\n", "leave it out"),
    ("empty filter", KEY, KEY + "    §filter: {path: $.a}\n", "write one of equals and using"),
    ("filter twice", KEY, KEY + "    §filter: {equals: [a], using: a:b}\n", "write one of equals and using"),
    ("filter", KEY, KEY + "    filter: {path: $.a, equals: [§1.5]}\n", "write it in quotes instead"),
    ("no tables", TABLES, "    §tables: {}\n", "there is no table; write one below"),
    ("no columns", "columns:\n          id: $.id\n" + NAME, "§columns: {}\n", "there is no column; write one below"),
    ("key not filled", "key: id", "key: [id, §nam]", "'nam' is not among the columns; did you mean 'name'?"),
    ("key twice in table", "key: id", "§key: [id, id]", "id stands here twice"),
    ("each without list", "key: id", "key: id\n        §each: $.a", "$.a does not lead to the elements of a list"),
    ("rest taken", "key: id", "key: id\n        §rest: name", "name is filled by a column already"),
    ("rest of a list", "key: id", "key: id\n        each: $.a[*]\n        §rest: r", "the rest is the document's"),
    ("column number", NAME, "          §name: 5\n", "name: write $.name or {path: $.name}"),
    ("column empty", NAME, "          §name:\n", "name: write $.name or {path: $.name}"),
    ("no path", NAME, "          §name: name\n", "path: 'name' is no path; write $.name instead"),
    ("no origin", NAME, "          §name: {type: string}\n", "one of path, constant and source; write {path: $.name}"),
    ("two origins", NAME, "          §name: {path: $.a, constant: 1}\n", "one of path, constant and source"),
    ("up from the top", NAME, "          §name: $^.name\n", "does not lead to one member from here; write $.name"),
    ("a list in a row", NAME, "          §name: $.a[*]\n", "write a table of its own, with each"),
    ("unknown type", NAME, "          name: {path: $.n, §type: strng}\n", "did you mean 'string'?"),
    ("unknown option", NAME, "          name: {path: $.n, §requird: true}\n", "did you mean 'required'?"),
    ("yes is a word", NAME, "          name: {path: $.n, §required: yes}\n", "required: write true or false"),
    ("fraction", NAME, "          name: {§constant: 1.5}\n", "neither text, nor a whole number, true, false or null"),
    ("day", NAME, "          name: {§constant: 2020-01-01}\n", "write it in quotes instead"),
    ("list", NAME, "          name: {path: $.n, §default: [1]}\n", "write it in quotes instead"),
    ("no function", NAME, "          name: {path: $.n, §using: lower}\n", "write package.module:function instead"),
    ("constant with coerce", NAME, "          name: {constant: a, §coerce: true}\n", "for members of the document"),
    ("source with type", NAME, "          name: {source: offset, §type: int}\n", "for members of the document"),
    ("unknown source", NAME, "          name: {§source: key}\n", "source: write 'topic', 'partition', 'offset', "),
    (
        "words of no enum",
        NAME,
        "          name: {path: $.n, type: int, §values: {a: b}}\n",
        "means nothing for type int",
    ),
    ("no words", NAME, "          name: {path: $.n, §values: {}}\n", "there is no word; write {legacy: ours}"),
    ("number word", NAME, "          name: {path: $.n, values: {§a: 1}}\n", "this is no text; write it in quotes"),
    ("odd stream", "  users:\n    topic", "  §Users:\n    topic", "'Users' names a table of raw rows"),
    ("key twice in YAML", NAME, NAME + "          §name: $.other\n", 'found duplicate key "name"'),
    ("bad YAML", NAME, "          name: [$.a\n          x§: 1\n", "mend the YAML"),
    ("tab", NAME, "          name:§\t$.a\n", "mend the YAML"),
    ("two documents", NAME, NAME + "§---\na: b\n", "expected a single document"),
    ("a tag", NAME, "          §name: !!python/object:os.system x\n", "name: write $.name or {path: $.name}"),
]


def told(text):
    with pytest.raises(ConfigError) as caught:
        load_mapping(text, file="migration.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("old", "new", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_a_fault_is_told_where_it_stands(old, new, message):
    assert SIMPLE.count(old) == 1
    marked = SIMPLE.replace(old, new)
    before, mark, _ = marked.partition("§")
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}" if mark else ""

    (line,) = told(marked.replace("§", ""))

    assert message in line
    assert line.startswith(f"migration.yaml:{place}: " if place else "migration.yaml:")


def test_all_faults_are_told_at_once_and_in_order():
    text = SIMPLE.replace(KEY, "    key: id\n    lane: 8\n").replace("$.name", "{path: $.n, type: strng}")

    assert [line.partition(": ")[0] for line in told(text)] == [
        "migration.yaml:5:5",
        "migration.yaml:6:5",
        "migration.yaml:12:29",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "users\n", "5", "null"])
def test_a_file_that_is_no_mapping_says_how_one_begins(text):
    assert told(text) == [
        "migration.yaml:1:1: a mapping begins with `target_schema:` and `streams:`; see docs/mapping.md"
    ]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: \x00", "%YAML 9.9\n---\na: b", "a: !!timestamp x"])
def test_a_file_that_is_no_yaml_is_refused_and_never_followed(text):
    assert all(line.startswith("migration.yaml:") for line in told(text))


SECOND = SIMPLE + SIMPLE[SIMPLE.index("  users") :].replace("  users:\n    topic", "  people:\n    topic")


def test_a_topic_and_a_table_belong_to_one_stream():
    lines = told(SECOND)

    assert lines == [
        "migration.yaml:13:5: stream users reads legacy.users already; write it at one stream only",
        "migration.yaml:16:7: stream users writes users already; write it at one stream only",
    ]


def test_words_of_yaml_1_1_are_words():
    text = SIMPLE.replace("$.name", "{path: $.n, type: enum, values: {no: Norway, yes: on, off: y}}").replace(
        KEY,
        KEY
        + "    op: {path: $.op, image: [yes, on], delete: [no, off]}\n    filter: {path: $.a, equals: [no, false]}\n",
    )

    model = load_mapping(text, file="m").model.streams["users"]

    assert model.tables["users"].columns["name"].values == {"no": "Norway", "yes": "on", "off": "y"}
    assert (model.op.image, model.op.delete, model.leave_out.equals) == (["yes", "on"], ["no", "off"], ["no", False])


def test_short_and_long_forms_are_the_same():
    short = load_mapping(SIMPLE, file="m").model
    long = load_mapping(
        SIMPLE.replace("topic: legacy.users", "topic: [legacy.users]")
        .replace("key: $.id", "key: [{path: $.id}]")
        .replace("key: id", "key: [id]")
        .replace("name: $.name", "name: {path: $.name}"),
        file="m",
    ).model

    assert short == long


def test_the_hash_is_of_what_a_file_says_and_not_of_how():
    same = [
        SIMPLE,
        "# a comment\n" + SIMPLE,
        SIMPLE.replace("legacy.users", '"legacy.users"'),
        SIMPLE.replace("          id: $.id\n          name: $.name\n", "          name: $.name\n          id: $.id\n"),
    ]

    assert len({load_mapping(text, file="m").hash for text in same}) == 1
    assert load_mapping(SIMPLE.replace("$.name", "$.nam"), file="m").hash != load_mapping(SIMPLE, file="m").hash


def doubled(times):
    """A few lines that stand for 2 ** times values."""
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, times))]
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("text", [doubled(20), "a: &a " + "x" * 5000 + "\nb: [" + "*a, " * 5000 + "]\n"])
def test_anchors_cannot_make_a_small_file_fill_the_memory(text):
    with pytest.raises(ConfigError, match=r"^m: anchors make it many times larger than it is; write out"):
        load_mapping(text + SIMPLE, file="m")


def test_anchors_that_spare_a_few_lines_are_fine():
    text = SIMPLE.replace("name: $.name", "name: &name {path: $.name}\n          other: *name")

    assert set(load_mapping(text, file="m").model.streams["users"].tables["users"].columns) == {"id", "name", "other"}


@pytest.mark.parametrize(
    "text", ["? [a]\n: b\n", "? {a: [b]}\n: c\n", "? ? [a]\n: b\n", "a: !!pyt x", "[" * 1000, "%YAML 3\n---\na: b"]
)
def test_whatever_the_reader_of_yaml_stumbles_over_is_told_with_the_file(text):
    with pytest.raises(ConfigError, match=r"^m:"):
        load_mapping(text, file="m")


@pytest.mark.filterwarnings("default")
def test_an_anchor_that_is_named_twice_is_a_fault_and_no_warning_of_a_library():
    with pytest.raises(ConfigError, match=r"^m: this is no YAML: found duplicate anchor 'a' first occurrence"):
        load_mapping("a: &a 1\nb: &a 2\n" + SIMPLE, file="m")


@pytest.mark.parametrize("word", [r'"\ud800"', r'{"\udc00": x}', r'["\ud83d"]'])
def test_half_of_a_surrogate_pair_is_told_before_anything_could_need_its_bytes(word):
    with pytest.raises(ConfigError, match=r"^m: this is no YAML: a text holds half of a surrogate pair$"):
        load_mapping(SIMPLE + f"more: {word}\n", file="m")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("$.a.b-c", ("a", "b-c")),
        ('$["odd name"].x', ("odd name", "x")),
        ('$["a.b"]', ("a.b",)),
        (r'$["quote \" and \\ stroke"]', ('quote " and \\ stroke',)),
        ('$["[*]"]', ("[*]",)),
        ('$["ключ"]', ("ключ",)),
        ("$", ()),
    ],
)
def test_a_path_names_any_member(path, names):
    text = SIMPLE.replace("name: $.name", f"name:\n            path: '{path}'")

    found = load_mapping(text, file="m").model.streams["users"].tables["users"].columns["name"].path

    assert found.names == names
    assert str(found) == path


def test_words_of_the_file_stay_on_their_line_and_paint_no_terminal():
    """With an escape a key may hold what ends a line of a log, or what a terminal obeys."""
    text = SIMPLE.replace("name: $.name", r'"a\e[31m\nb": {path: $.a.b, each: 1}')

    with pytest.raises(ConfigError) as caught:
        load_mapping(text + '"\\e[2J\\u2028": 1\n', file="m")

    lines = str(caught.value).split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() and line.startswith("m:") for line in lines)

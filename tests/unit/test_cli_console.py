"""What commands print of somebody else's words is their letters, and no order to the terminal."""

from migration_cli.console import show_table


def test_a_cell_is_printed_as_it_stands_on_its_own_lines(capsys):
    show_table(("name", "rows"), [("\x1b[2J[/red]\u2028\x07", 1), ("two\nlines", None), ("straße 👩", 2)])

    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.split("\n"))
    assert r"\x1b[2J[/red]\u2028\x07" in printed
    assert "straße 👩" in printed
    assert "two\\nlines" not in printed

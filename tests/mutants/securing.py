"""What must never be given to whoever asks."""

from tests.mutants.mutant import Mutant

_HOSTILE = "tests/integration/test_hostile_server.py"
_HEALTH = "tests/integration/test_health.py"
_READING = "tests/unit/test_snapshot_reading.py"
_RIGHTS = "tests/unit/test_service_rights.py"
_TRANSPORT = "tests/integration/test_transport.py"
_NAMES = "tests/integration/test_mapping_names.py"
_LEAKS = "tests/integration/test_no_secret_leaks.py"
_GRANTS = "tests/integration/test_grants_command.py"
_USERS = "tests/integration/test_service_users.py"

MUTANTS = [
    Mutant(
        "the buffer is served whatever file the server asks for",
        "db/connection.py",
        "registered is not None and registered[0] == wanted\n",
        "registered is not None\n",
        (f"{_HOSTILE}::test_a_server_that_asks_for_a_file_instead_of_answering_gets_none",),
    ),
    Mutant(
        "the driver's own reader answers a server that asks for a file",
        "db/connection.py",
        "        result = _Result(self)\n",
        "        result = MySQLResult(self)\n",
        (f"{_HOSTILE}::test_a_server_that_asks_for_a_file_instead_of_answering_gets_none",),
    ),
    Mutant(
        "a server that nobody vouches for gets the password in clear text",
        "db/connection.py",
        "        if plugin_name in _IN_CLEAR and not (this._secure and this.ctx.verify_mode == CERT_REQUIRED):\n",
        "        if plugin_name in _IN_CLEAR and not this.ctx:\n",
        (f"{_HOSTILE}::test_a_password_in_clear_text_goes_only_to_a_server_that_an_authority_vouches_for",),
    ),
    Mutant(
        "REQUIRED goes on without TLS",
        "db/tls.py",
        '        return trusting() if mode == "REQUIRED" else None\n',
        "        return None\n",
        (f"{_HOSTILE}::test_a_server_that_names_no_tls_is_refused_where_tls_is_required",),
    ),
    Mutant(
        "any server of the authority will do",
        "db/tls.py",
        '    context.check_hostname = mode == "VERIFY_IDENTITY"\n',
        "    context.check_hostname = False\n",
        (
            f"{_TRANSPORT}::test_a_server_under_another_name_than_its_certificates_is_refused_unless_only_its_authority_counts",
        ),
    ),
    Mutant(
        "a word for TLS that is not understood is passed over",
        "db/tls.py",
        "    if others:\n",
        "    if not query:\n",
        (f"{_TRANSPORT}::test_a_word_for_tls_that_is_not_understood_is_refused",),
    ),
    Mutant(
        "whoever dawdles at the health endpoint may stay",
        "runtime/health.py",
        "                if now - since > _CLIENT_SECONDS:\n",
        "                if now < since:\n",
        (f"{_HEALTH}::test_whoever_sends_a_byte_now_and_then_is_hung_up_on",),
    ),
    Mutant(
        "the health endpoint takes as many connections as there are",
        "runtime/health.py",
        "            if len(self._since) >= _CLIENTS:\n",
        "            if not _CLIENTS:\n",
        (f"{_HEALTH}::test_however_many_dawdle_a_probe_comes_through_and_their_number_is_bounded",),
    ),
    Mutant(
        "an error page repeats what was asked",
        "runtime/health.py",
        "        super().send_error(code)\n",
        "        super().send_error(code, self.requestline)\n",
        (f"{_HEALTH}::test_only_reading_is_answered_and_nothing_that_was_sent_comes_back",),
    ),
    Mutant(
        "a part is opened through a link that was put in its place",
        "snapshot_loader/part_file.py",
        " | os.O_NOFOLLOW",
        "",
        (f"{_READING}::test_a_file_that_becomes_a_link_between_the_look_and_the_open_is_not_followed",),
    ),
    Mutant(
        "the worker may move where a topic is read on",
        "migration_core/service_rights.py",
        '("SELECT",),\n    "stream": ("SELECT",),\n    "stream_rate"',
        '("SELECT", "UPDATE"),\n    "stream": ("SELECT",),\n    "stream_rate"',
        (
            f"{_RIGHTS}::test_no_service_has_a_right_that_no_statement_of_its_modules_uses",
            f"{_RIGHTS}::test_where_a_topic_is_read_on_is_moved_by_the_master_and_by_people_alone",
        ),
    ),
    Mutant(
        "the master may read what it stored",
        "migration_core/service_rights.py",
        '    RAW: ("INSERT",),\n',
        '    RAW: ("SELECT", "INSERT"),\n',
        (f"{_USERS}::test_what_only_another_service_does_is_refused",),
    ),
    Mutant(
        "rights that are no longer needed stay",
        "db/service_users.py",
        "    for grant in grants_beyond(_held(session, account), declared):\n",
        "    for grant in grants_beyond([], declared):\n",
        (f"{_GRANTS}::test_applying_twice_changes_nothing_and_what_is_no_longer_needed_is_revoked",),
    ),
    Mutant(
        "a backtick ends a name",
        "db/bulk.py",
        'name.replace("`", "``")',
        "name",
        (f"{_NAMES}::test_no_name_becomes_sql",),
    ),
    Mutant(
        "the configuration is shown with its password",
        "runtime/database_url.py",
        '    return re.sub(r"(://[^:/@]*):.*@", r"\\1:***@", url)\n',
        "    return re.sub(r'$', r'', url)\n",
        (f"{_LEAKS}::test_no_command_tells_a_secret_or_a_value[check]",),
    ),
    Mutant(
        "samples of what was rejected are shown as they are",
        "migration_core/masking.py",
        '    return "".join(map(_class, text))\n',
        '    return "".join(map(str, text))\n',
        (f"{_LEAKS}::test_the_planted_records_were_rejected_and_their_patterns_are_told_without_them",),
    ),
    Mutant(
        "a token of IAM may travel unprotected",
        "kafka_log/msk_iam.py",
        'if config.get("security.protocol", "").upper() != "SASL_SSL":\n',
        "if False:\n",
        ("tests/unit/test_msk_iam.py::test_a_token_never_travels_unprotected",),
    ),
]

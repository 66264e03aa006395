"""What the database is asked to keep true, and what the audit log is worth."""

from mutants.safeguard import Safeguard

_FIRST_SCHEMA = "workflows/storage/migrations/versions/0001_the_first_schema.py"

STORING: tuple[Safeguard, ...] = (
    Safeguard(
        name="saves go over the version that was loaded",
        why="the second of two decisions overwrites the first",
        file="workflows/storage/rows.py",
        old="""f"{name} = {mark}" for name in same)""",
        new="""f"({name} = {mark} OR '{name}' = 'version')" for name in same)""",
        test="storage/test_repositories.py::"
        "test_what_was_changed_since_it_was_loaded_is_not_overwritten[sqlite]",
    ),
    Safeguard(
        name="a save that met another version is a lost race",
        why="whoever lost is told that it worked",
        file="workflows/storage/rows.py",
        old="    if stored != [len(one.rows) for one in todo]:\n",
        new="    if False:\n",
        test="storage/test_repositories.py::"
        "test_what_was_changed_since_it_was_loaded_is_not_overwritten[sqlite]",
    ),
    Safeguard(
        name="one account is noted under one address at a time",
        why="two workers give one account access under two addresses, and one takes it for its own",
        file="workflows/storage/turns.py",
        old="        _TO_NOTE.all(connection, account=account)\n",
        new="        pass\n",
        test="storage/test_turns.py::"
        "test_of_two_addresses_of_one_account_the_second_sees_what_was_noted_for_the_first",
    ),
    Safeguard(
        name="a database that takes nothing new is not ready",
        why="nothing is given and nothing ends, and whoever watches the bot reads that all is well",
        file="workflows/storage/database.py",
        old="            self._refused = True\n",
        new="            self._refused = False\n",
        test="bot/test_readiness.py::"
        "test_a_database_that_takes_nothing_new_makes_it_unready_until_it_does",
    ),
    Safeguard(
        name="a SQLite file has one name",
        why="two processes work on it, and each loses what the other writes",
        file="bot/app.py",
        old="    if names > 1:\n",
        new="    if names > 2:\n",
        test="bot/test_main.py::"
        "test_a_second_one_on_the_same_file_by_another_name_is_refused[hard]",
    ),
    Safeguard(
        name="who asks waits for whoever asks as the same person",
        why="many forms at once get past the limits of a person",
        file="workflows/storage/turns.py",
        old='TO_ASK = (_held(_PERSONS, "person"), _held(_PLACES, "place"))',
        new='TO_ASK = (_held(_PLACES, "place"),)',
        test="storage/test_turns.py::"
        "test_who_asks_counts_what_was_asked_by_whoever_it_waited_for[the same person]",
    ),
    Safeguard(
        name="all that changes of a grant is stored",
        why="what a clock that was ahead had given lasts as long as that clock said",
        file="workflows/storage/repositories.py",
        old='LIFE = ("issued_at", ',
        new="LIFE = (",
        test="services/test_start.py::"
        "test_a_clock_that_is_a_year_ahead_for_a_minute_gives_nobody_a_year",
    ),
    Safeguard(
        name="a transaction that writes says so at its beginning",
        why="on SQLite two that have read the same both write, and one change is lost or fails",
        file="workflows/storage/database.py",
        old='begin(writer, "BEGIN IMMEDIATE")',
        new='begin(writer, "BEGIN")',
        test="storage/test_database.py::test_who_may_write_reads_nothing_before_the_one_who_writes_now_is_done",
    ),
    Safeguard(
        name="a commit survives a power failure",
        why="SQLite loses the last commits, and with them what was done in W&B",
        file="workflows/storage/database.py",
        old='_WAIT = "PRAGMA synchronous=FULL"',
        new='_WAIT = "PRAGMA synchronous=NORMAL"',
        test="storage/test_database.py::"
        "test_a_sqlite_commit_survives_a_power_failure_and_readers_wait_for_nobody",
    ),
    Safeguard(
        name="only a lease waits for no disk",
        why="after the first claim on SQLite a power failure loses the last commits all the same",
        file="workflows/storage/database.py",
        old="                        begin(writer, _WAIT)",
        new="                        pass",
        test="storage/test_database.py::"
        "test_only_a_commit_that_may_be_lost_does_not_wait_for_the_disk[True]",
    ),
    Safeguard(
        name="one wish waits once",
        why="two forms sent at once are two requests",
        file=_FIRST_SCHEMA,
        old="'uq_access_request_pending', ['requester', 'place', 'role'], unique=True",
        new="'uq_access_request_pending', ['requester', 'place', 'role'], unique=False",
        test="storage/test_repositories.py::"
        "test_one_wish_waits_once_and_one_submission_is_stored_once[sqlite]",
    ),
    Safeguard(
        name="one submission is one request",
        why="a form that Slack delivers twice is asked about twice",
        file=_FIRST_SCHEMA,
        old="sa.UniqueConstraint('origin', name=op.f('uq_access_request_origin'))",
        new="sa.UniqueConstraint('origin', 'id', name=op.f('uq_access_request_origin'))",
        test="storage/test_repositories.py::"
        "test_one_wish_waits_once_and_one_submission_is_stored_once[sqlite]",
    ),
    Safeguard(
        name="one job of a lane at a time, by the database itself",
        why="two workers change one person's access at once",
        file=_FIRST_SCHEMA,
        old="'uq_job_lane_leased', ['lane'], unique=True",
        new="'uq_job_lane_leased', ['lane'], unique=False",
        test="storage/test_outbox.py::"
        "test_two_leases_on_one_lane_are_refused_by_the_database_itself[sqlite]",
    ),
    Safeguard(
        name="a job of a taken lane is passed over",
        why="workers run into each other at every claim",
        file="workflows/storage/claiming.py",
        old="    _TAKEN_BY.is_(None),\n",
        new="",
        test="storage/test_outbox.py::test_of_one_lane_only_one_is_leased_at_a_time[sqlite]",
    ),
    Safeguard(
        name="a job is claimed once, until its lease runs out",
        why="every worker does every job",
        file="workflows/storage/claiming.py",
        old="    _NEXT.c.due_at <= _NOW,\n"
        "    or_(_NEXT.c.lease_token.is_(None), _NEXT.c.lease_until < _NOW),\n",
        new="    _NEXT.c.due_at <= _NOW,\n",
        test="storage/test_outbox.py::"
        "test_a_leased_job_is_nobody_elses_until_its_lease_runs_out[sqlite]",
    ),
    Safeguard(
        name="what is asked for while it runs is done again",
        why="a grant that is issued in the middle of a pass is never carried out",
        file="workflows/storage/outbox.py",
        old="_DONE = delete(_JOBS).where(*_MINE, _UNASKED)\n",
        new="_DONE = delete(_JOBS).where(*_MINE)\n",
        test="storage/test_outbox.py::"
        "test_what_was_asked_for_again_while_it_ran_is_not_gone_when_it_is_done[sqlite]",
    ),
    Safeguard(
        name="a lost race runs again",
        why="people get a database's error instead of an answer",
        file="workflows/storage/unit_of_work.py",
        old="        for _ in range(TRIES - 1):\n",
        new="        for _ in range(0):\n",
        test="services/test_pairs.py::"
        "test_of_two_at_once_one_counts_and_the_other_is_told"
        "[postgresql-approve with approve-threads]",
    ),
    Safeguard(
        name="a fact is stored in the commit of its change",
        why="a crash leaves access that the audit log does not know",
        file="workflows/storage/unit_of_work.py",
        old="        seen = store(self._connection, *writings, noted, self.outbox.writing(owed), ",
        new="        seen = store(self._connection, *writings, look=look)\n"
        "        self._connection.connection.commit()\n"
        "        store(self._connection, noted, self.outbox.writing(owed), ",
        test="services/test_audit_export.py::"
        "test_a_fact_is_stored_in_the_commit_of_its_change_or_not_at_all",
    ),
    Safeguard(
        name="a seal is compared",
        why="whoever can write to the database edits the log unseen",
        file="workflows/domain/verification.py",
        old="        if seal_hash(key, row) != row.hash:\n",
        new="        if False:\n",
        test="domain/test_chain.py::test_a_flipped_bit_names_the_very_row",
    ),
    Safeguard(
        name="the content of a row is compared",
        why="what a row says is edited, and its seal still fits",
        file="workflows/domain/verification.py",
        old="        if not theirs and not fits(row, self.keys, self.vouched):\n",
        new="        if False:\n",
        test="domain/test_chain.py::test_a_flipped_bit_names_the_very_row",
    ),
    Safeguard(
        name="a key is missing only when the key after it says so",
        why="whoever writes another key into a row has tampering taken for a missing setting",
        file="workflows/domain/verification.py",
        old="if maker is not None and is_change_by(maker, row) else None\n",
        new="\n",
        test="domain/test_keys_not_given.py::"
        "test_a_change_of_key_that_the_key_has_not_sealed_itself_names_no_key",
    ),
    Safeguard(
        name="what shows without a key is wrong",
        why="a log that was cut is taken for one whose key was not given",
        file="workflows/services/audit_chain.py",
        old="    return shown if shown.wrong is not None else replace(verdict, asks=asks)\n",
        new="    return replace(verdict, asks=asks)\n",
        test="services/test_audit_keys.py::"
        "test_what_shows_without_a_key_is_wrong_and_no_key_is_asked_for",
    ),
    Safeguard(
        name="who cannot look does not lead",
        why="two processes do what only one should",
        file="workflows/storage/leadership.py",
        old="confirmed is not None and self._count() - confirmed < TRUST\n",
        new="confirmed is not None\n",
        test="storage/test_leadership.py::test_who_cannot_look_for_some_seconds_does_not_lead",
    ),
    Safeguard(
        name="a row that was changed before it was sealed is told of",
        why="an edit in the seconds before the seal is sealed as if it had been so",
        file="workflows/services/audit_chain.py",
        old="    if altered:\n",
        new="    if False:\n",
        test="services/test_audit_chain.py::"
        "test_a_row_that_was_changed_before_it_was_sealed_raises_one_alarm[sqlite]",
    ),
    Safeguard(
        name="one sealer at a time",
        why="two number the same place, and one of them seals nothing",
        file="workflows/storage/chain_store.py",
        old="            self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))\n",
        new="            pass\n",
        test="services/test_audit_chain.py::test_two_that_seal_at_once_make_one_chain[postgresql]",
    ),
    Safeguard(
        name="a running bot never takes over a log without its key",
        why="whoever can write to the database replaces the whole log",
        file="workflows/domain/chain.py",
        old="keys.current.is_secret and not first\n",
        new="False\n",
        test="services/test_audit_chain.py::"
        "test_a_note_of_the_head_without_the_key_does_not_start_the_log_anew[sqlite]",
    ),
    Safeguard(
        name="a key that was replaced counts no longer",
        why="who has a leaked key adds rows that count",
        file="workflows/domain/chain.py",
        old="        return until is None or (isinstance(seq, int) and seq < until)\n",
        new="        return True\n",
        test="services/test_audit_chain.py::"
        "test_a_key_that_was_replaced_counts_for_a_while_and_no_longer[sqlite]",
    ),
    Safeguard(
        name="one process on one SQLite file",
        why="two processes free each other's leases and do everything twice",
        file="workflows/storage/database.py",
        old="        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        new="        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)\n",
        test="storage/test_database.py::test_a_second_process_on_one_sqlite_file_is_refused",
    ),
    Safeguard(
        name="an unknown newer schema is left alone",
        why="an old version writes what the new one cannot read",
        file="workflows/storage/schema.py",
        old="    if not _can_go_on(connection, current, known):\n",
        new="    if False:\n",
        test="storage/test_migrations.py::test_a_schema_of_a_newer_version_is_left_alone",
    ),
    Safeguard(
        name="a command works on no schema that it does not know",
        why="a command beside a newer bot writes what that one cannot read",
        file="bot/commands/database.py",
        old="                schema.check(database)\n",
        new="                pass\n",
        test="bot/test_main.py::test_a_newer_schema_is_left_alone",
    ),
    Safeguard(
        name="no tables are made among those of something else",
        why="a wrong DATABASE_URL changes another program's database",
        file="workflows/storage/schema.py",
        old="    if set(inspect(connection).get_table_names()) - {_ALEMBICS}:\n",
        new="    if False:\n",
        test="bot/test_main.py::test_among_the_tables_of_something_else_nothing_is_made",
    ),
)

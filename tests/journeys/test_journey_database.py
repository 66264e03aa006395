"""The database away for a moment: what runs goes on by itself when it is back."""

from sqlalchemy import make_url

from tests.journeys.conftest import Journeys
from tests.postgres import Postgres


def test_a_database_that_was_away_for_a_moment_costs_nothing(
    postgres: Postgres, journeys: Journeys
) -> None:
    with postgres.fresh() as url, postgres.superuser() as connection:
        name = make_url(url).database
        journey = journeys(database=url)
        journey.may_log = (
            "the outbox could not be worked on",
            "a tick failed",
            "the directory could not be read and stored",
            "leases could not be renewed",
        )
        journey.start()
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        journey.running.bot.keeper.ask(soon=True)
        journey.until(lambda: "the directory could not be read and stored" in journey.log)

        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        before = journey.running.bot.deps.rosters.current().read_at
        journey.running.bot.keeper.ask(soon=True)
        journey.until(lambda: journey.running.bot.deps.rosters.current().read_at > before)
        journey.ask(journey.eve, "vision member 8h Release check")
        journey.approve(journey.ada)
        journey.eve.wait_for_message("*active*")

        assert journey.role("eve") == "member"
        journey.stop()

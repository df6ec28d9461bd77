"""Macros are read once for the process, and a connection knows those alone that it asked for."""

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from pipelines.tables import connect, install_macros

TWICE = "CREATE MACRO twice_over(n) AS n * 2;"
FOUR = "CREATE MACRO four_times(n) AS twice_over(n) * 2;"


def test_a_connection_knows_what_it_asked_for_and_another_does_not():
    with connect() as duck, connect() as other:
        install_macros(duck, TWICE)
        duck.execute("CREATE TEMP TABLE own AS SELECT twice_over(3) AS n")  # its own tables are its own still
        assert duck.execute("FROM own").fetchall() == [(6,)]
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT twice_over(3)")
        with pytest.raises(duckdb.CatalogException):
            other.execute("FROM own")


def test_nothing_is_made_in_a_connection_that_another_would_see():
    with connect() as duck:
        for what in ("TABLE own AS SELECT 1", "VIEW own AS SELECT 1", "MACRO own(n) AS n"):
            with pytest.raises(duckdb.ParserException):
                duck.execute(f"CREATE {what}")


def test_macros_may_name_those_that_were_asked_for_before():
    for _ in range(2):
        with connect() as duck:
            install_macros(duck, TWICE)
            install_macros(duck, FOUR)
            assert duck.execute("SELECT four_times(3)").fetchall() == [(12,)]


def test_the_same_name_may_mean_something_else_to_another_connection():
    with connect() as duck, connect() as other:
        install_macros(duck, "CREATE MACRO told(n) AS n + 1;")
        install_macros(other, "CREATE MACRO told(n) AS n + 2;")
        told = [each.execute("SELECT told(1)").fetchall()[0][0] for each in (duck, other)]
    assert told == [2, 3]


def test_a_macro_that_cannot_be_made_leaves_nothing_and_may_be_asked_for_again():
    wrong = "CREATE MACRO fine(n) AS n; CREATE MACRO wrong(n) AS no_such_function_at_all(n);"
    for _ in range(2):
        with connect() as duck:
            with pytest.raises(duckdb.CatalogException):
                install_macros(duck, wrong)
            assert duck.execute("SELECT 1").fetchall() == [(1,)]


def test_many_ask_for_the_same_at_once():
    def ask(number: int) -> int:
        with connect() as duck:
            install_macros(duck, "CREATE MACRO at_once(n) AS n * 10;")
            return int(duck.execute(f"SELECT at_once({number})").fetchall()[0][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [number * 10 for number in range(40)]
